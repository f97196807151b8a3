"""Super-resolution of image files of any size, tile by tile."""
