"""What Earth-observation processes share: scenes, grids, tiles, COGs, Orfeo ToolBox."""
