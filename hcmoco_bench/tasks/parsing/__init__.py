"""Human parsing from depth or RGB."""
