"""PHIDIAS's own pack of Earth-observation processes: one module, one algorithm."""
