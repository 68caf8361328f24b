"""The gradient of few input channels, as columns that are added up."""
