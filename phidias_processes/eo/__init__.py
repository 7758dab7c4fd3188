"""What Earth-observation processes share: finding scenes, reading them tile by tile, writing results.

Modules here may import heavy libraries at their top, but for `bands`, `indices` and `tile_process`, which the
processes' own modules import; see the layers in docs/architecture.md.
"""
