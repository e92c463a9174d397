"""Videos of episodes: frames, what a policy kept of them, and captions, streamed to h264 or GIF."""

from gridseval.video.episode import EpisodeVideo, video_name
from gridseval.video.recorder import VideoChoice, VideoRecorder
from gridseval.video.sheet import Frame, Moments, write_sheet

__all__ = [
    "EpisodeVideo",
    "Frame",
    "Moments",
    "VideoChoice",
    "VideoRecorder",
    "video_name",
    "write_sheet",
]
