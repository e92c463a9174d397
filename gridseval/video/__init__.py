"""Videos of episodes: frames and captions, streamed to h264."""

from gridseval.video.episode import EpisodeVideo, Outcome, video_name
from gridseval.video.recorder import VideoChoice, VideoRecorder

__all__ = ["EpisodeVideo", "Outcome", "VideoChoice", "VideoRecorder", "video_name"]
