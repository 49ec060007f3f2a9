"""What measures and prepares the memory of layouts."""
