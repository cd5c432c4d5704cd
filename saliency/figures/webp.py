"""Pictures as WebP in text, as pages hold them."""

import base64
import io

import numpy as np
from PIL import Image

# Pictures up to this side are kept exactly; of larger ones, WebP leaves out what is hardly seen.
EXACT_SIDE = 64
QUALITY = 80


def webp(levels: np.ndarray, exact: bool) -> str:
    """Encode a picture ``(h, w)`` or ``(h, w, 3)``, uint8, as WebP in Base64."""
    content = io.BytesIO()
    image = Image.fromarray(levels).convert("RGB")
    image.save(content, "WEBP", lossless=exact, quality=QUALITY, method=4, exact=exact)
    return base64.b64encode(content.getvalue()).decode()


def read_webp(text: str) -> np.ndarray:
    """Decode what `webp` encoded, ``(h, w, 3)``, uint8.

    Examples
    --------
    >>> read_webp(webp(np.array([[7, 200]], dtype=np.uint8), exact=True)).tolist()
    [[[7, 7, 7], [200, 200, 200]]]
    """
    with Image.open(io.BytesIO(base64.b64decode(text))) as image:
        return np.asarray(image.convert("RGB"))
