"""What of a network the host computes itself, in NumPy: everything but the convolutions, pools and flattens.

It is meant to be read beside a textbook, a file an idea, in this order:

    dense.py            a fully connected layer
    relu.py             the activation
    loss.py             softmax and cross entropy
    initialization.py   the first weights
    optimizers.py       how weights follow their gradients
    batches.py          the order of the images
    parameters.py       all weights of a network in one vector
    network.py          the layers in turn, forward and backward

It runs in the workers, beside the backend that computes the other layers, so it is the same code for every backend.
Arrays are of one dtype, float64 or float32, throughout.
"""
