"""A smaller copy of a picture, for a page that holds it."""

import base64
import io
from pathlib import Path

WIDTH_PIXELS, JPEG_QUALITY = 640, 72


def thumbnail(picture: Path) -> str:
    """Return a picture of at most 640 pixels width as a data URI of JPEG; "" where there is none that can be read."""
    from PIL import Image

    try:
        with Image.open(picture) as image:
            small = image.convert("RGB")
    except OSError:
        return ""
    small.thumbnail((WIDTH_PIXELS, 4 * WIDTH_PIXELS), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, format="jpeg", quality=JPEG_QUALITY, optimize=True)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
