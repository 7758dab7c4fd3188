"""The panel of all jobs of a person on a gateway, and what watches over them while it is closed."""
