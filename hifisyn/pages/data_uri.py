"""Pictures as data that a page carries itself."""

import base64
import io
from pathlib import Path

HEIGHT_PER_WIDTH = 4  # a picture may be this much taller than its widest


def picture_uri(path: Path, *, width: int, quality: int, png_bytes: int = 0) -> str:
    """Return a picture as a data URI: as JPEG, or a PNG file of at most `png_bytes` as it is.

    Args:
        path: the picture's file.
        width: of the JPEG at most, in pixels; larger pictures are scaled down.
        quality: of the JPEG, 1 to 95.
        png_bytes: size of the largest PNG that is not changed.

    Returns:
        The URI; "" where the file does not exist or is no picture.
    """
    from PIL import Image

    try:
        content = path.read_bytes()
        with Image.open(io.BytesIO(content)) as image:
            if len(content) <= png_bytes and image.format == "PNG":
                return _uri("png", content)
            picture = image.convert("RGB")
    except OSError:
        return ""
    picture.thumbnail((width, HEIGHT_PER_WIDTH * width), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, format="jpeg", quality=quality, optimize=True)
    return _uri("jpeg", buffer.getvalue())


def _uri(kind: str, content: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"
