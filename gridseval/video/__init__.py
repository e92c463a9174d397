"""Videos of episodes: frames and captions, streamed to h264."""

from gridseval.video.episode import EpisodeVideo, Outcome, video_name

__all__ = ["EpisodeVideo", "Outcome", "video_name"]
