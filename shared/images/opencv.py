"""OpenCV, imported at its first use, with a message that helps where its system libraries are missing."""

from types import ModuleType


def load_opencv() -> ModuleType:
    """Imports OpenCV, at its first use.

    Raises:
        ImportError: It cannot be loaded. The message says what to install.
    """
    try:
        import cv2
    except ImportError as error:
        raise ImportError(
            f"OpenCV cannot be loaded ({error}). If a system library such as libGL is missing, run "
            "`apt-get install libgl1 libglib2.0-0`, or replace opencv-python by opencv-python-headless."
        ) from error
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # its messages would repeat our errors
    return cv2
