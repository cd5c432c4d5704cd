"""Where the pixels that a network sees lie in a photograph: resizing and cropping, in numbers."""

from collections.abc import Sequence

from saliency.exceptions import InputError, Status

Size = tuple[int, int]


def pair(size: int | Sequence[int]) -> tuple[int, int]:
    """Height and width of a size that is one number for both."""
    return (size, size) if isinstance(size, int) else (size[0], size[1])


def resized_size(size: tuple[int, int], resize: int | Sequence[int]) -> tuple[int, int]:
    """Width and height of an image after resizing, from those before."""
    width, height = size
    if not isinstance(resize, int):
        return resize[1], resize[0]
    if width <= height:
        return resize, int(resize * height / width)
    return int(resize * width / height), resize


def crop_box(size: tuple[int, int], crop: tuple[int, int]) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the central crop ``(height, width)`` of an image ``(width, height)``.

    Raises
    ------
    InputError
        If the image is smaller.
    """
    (width, height), (crop_height, crop_width) = size, crop
    if crop_height > height or crop_width > width:
        raise InputError(
            Status.WRONG_SHAPE,
            f"is {height} x {width} pixels after resizing, less than the crop of {crop_height} x {crop_width}: "
            "set a larger resize or a smaller crop",
        )
    left, top = round((width - crop_width) / 2), round((height - crop_height) / 2)
    return left, top, left + crop_width, top + crop_height


def letterbox(size: Size, target: Size) -> tuple[Size, tuple[int, int, int, int]]:
    """Fit all of an image ``(width, height)`` into ``(height, width)``.

    Returns
    -------
    size
        Width and height after resizing, with the sides' ratio.
    box
        What a network sees of it: left, top, right and bottom; beyond the image where it is padded.

    Examples
    --------
    >>> letterbox((200, 100), (64, 64))
    ((64, 32), (0, -16, 64, 48))
    """
    height, width = target
    scale = min(width / size[0], height / size[1])
    inner = max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
    left, top = -((width - inner[0]) // 2), -((height - inner[1]) // 2)
    return inner, (left, top, left + width, top + height)
