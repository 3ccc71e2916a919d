"""What serves the repository alone and is not in the wheel: running the series, rendering its pages, carrying links."""
