"""What the owner wants: the model behind `maildns.toml`."""
