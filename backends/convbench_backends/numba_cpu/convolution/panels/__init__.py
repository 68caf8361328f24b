"""Convolution as a product of packed matrices: panels of places times blocks of filters."""
