"""Videos of episodes, as h264 or GIF: frames, the tokens that a policy kept, and captions."""

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
