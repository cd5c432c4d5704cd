"""Names of the spatial axes of inputs and maps."""

# By their number. Photographs: rows, columns. Volumes are in RAS order.
SPATIAL_NAMES = {2: ("y", "x"), 3: ("x", "y", "z")}
