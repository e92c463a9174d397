"""LeRobot's policies: any ``PreTrainedPolicy`` directory or hub id, by LeRobot's own loading."""
