"""Networks that are trained with the convolutions, pools and flattens of a backend."""
