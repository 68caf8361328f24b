"""Plans of products of panels: parts and chunks cover everything once, and buffers hold what kernels put into them."""

from __future__ import annotations

from itertools import product

import numpy as np
from conv_shapes import conv_shapes
from hypothesis import given
from hypothesis import strategies as st

from convbench_backends.numba_cpu.compiler.vector import lanes_of
from convbench_backends.numba_cpu.convolution.flat.plan import BAND_BYTES
from convbench_backends.numba_cpu.convolution.panels.packing import list_pieces
from convbench_backends.numba_cpu.convolution.panels.plan import (
    PLACES,
    ProductPlan,
    Source,
    make_gradient_plan,
    make_product_plan,
    product_of_dy,
    product_of_x,
    split,
    why_no_panels_of_dy,
)
from convbench_backends.numba_cpu.convolution.register_tiles import FILTERS, PANEL
from convbench_backends.numba_cpu.geometry import ConvShape
from convbench_specs import Axis

ITEMSIZES = st.sampled_from([4, 8])
THREADS = st.integers(1, 64)
CHANNELS = st.integers(1, 60) | st.integers(1, 15_000)


def shares(number: int, parts: int) -> list[range]:
    """How the kernels cut a number of things into parts."""
    return [range(number * part // parts, number * (part + 1) // parts) for part in range(parts)]


def part_lengths(plan: ProductPlan) -> tuple[int, int]:
    """(panels, blocks) of the largest part; every panel and block has one part, and no part is empty."""
    along, down = shares(plan.panels, plan.panel_parts), shares(plan.blocks, plan.block_parts)
    assert plan.tasks == len(along) * len(down)
    assert [panel for part in along for panel in part] == list(range(plan.panels))
    assert [block for part in down for block in part] == list(range(plan.blocks))
    assert all(map(len, along))
    assert all(map(len, down))
    return max(map(len, along)), max(map(len, down))


def count_pieces(plan: ProductPlan, first: int, last: int, length: int) -> int:
    """Pieces that the kernel lists; a table that is too short is an error."""
    pieces = np.empty((plan.pieces, 5), np.int64)
    return list_pieces.py_func(first, last, plan.output_height, plan.output_width, length, 0, pieces)


@given(vectors=st.integers(1, 10_000), blocks=st.integers(1, 500), threads=THREADS, packing=st.floats(0, 50))
def test_a_split_has_no_more_parts_than_panels_and_blocks(vectors, blocks, threads, packing):
    along, down = split(vectors, blocks, threads, packing=packing, block_packing=packing / 2)
    assert 1 <= along <= -(-vectors // PANEL)
    assert 1 <= down <= blocks


def test_two_threads_share_what_is_long_along_its_length():
    assert split(PANEL * 100, 1, 2, packing=8.0) == (2, 1)
    assert split(PANEL, 100, 2, packing=8.0) == (1, 2)


@given(conv_shapes(CHANNELS), ITEMSIZES, THREADS)
def test_a_plan_of_y_or_dx_has_room_for_a_band_of_panels_the_sums_of_chunks_and_all_pieces(shape, itemsize, threads):
    products = [product_of_x(shape)]
    if not why_no_panels_of_dy(shape, itemsize):
        products.append(product_of_dy(shape))
    for source, target in products:
        plan = make_product_plan(source, target, itemsize=itemsize, threads=threads)
        width = PANEL * lanes_of(itemsize)
        _, high = part_lengths(plan)
        assert plan.panels * width >= plan.places > (plan.panels - 1) * width
        assert plan.blocks * FILTERS >= plan.filters > (plan.blocks - 1) * FILTERS
        chunks = shares(plan.channels, plan.chunks)
        assert all(map(len, chunks))
        assert plan.panel_size >= max(map(len, chunks)) * source.window * width
        assert plan.band == 1 or plan.band * plan.panel_size * itemsize <= BAND_BYTES
        assert plan.sums_at >= plan.band * plan.panel_size
        tiles = plan.band * high if plan.chunks > 1 else 1
        assert plan.work_size >= plan.sums_at + tiles * FILTERS * width
        assert plan.block_size >= plan.channels * source.window * FILTERS
        for part in shares(plan.panels, plan.panel_parts):
            for panel in part[:: plan.band]:
                band = min(plan.band, part.stop - panel)
                count_pieces(plan, panel * width, min((panel + band) * width, plan.places), width)


@given(conv_shapes(CHANNELS), ITEMSIZES, THREADS)
def test_a_plan_of_dw_has_room_for_a_band_of_panels_a_block_and_all_pieces_of_a_chunk(shape, itemsize, threads):
    source, lanes = Source.of_x(shape), lanes_of(itemsize)
    plan = make_gradient_plan(source, shape.out_channels, itemsize=itemsize, threads=threads)
    width, taps = PANEL * lanes, shape.patch
    part_lengths(plan)
    assert plan.panels * width >= taps > (plan.panels - 1) * width
    vectors = shares(-(-plan.places // lanes), plan.chunks)
    chunks = [(part.start * lanes, min(part.stop * lanes, plan.places)) for part in vectors]
    assert [low for low, _ in chunks] == [0, *(high for _, high in chunks[:-1])]
    assert chunks[-1][1] == plan.places
    longest = max(high - low for low, high in chunks)
    assert longest < PLACES + lanes
    assert plan.band == 1 or plan.band * plan.panel_size * itemsize <= BAND_BYTES
    whole = -(-longest // lanes) * lanes  # a transpose writes up to a vector more
    assert plan.panel_size >= whole * width
    assert plan.rows_at >= plan.sums_at + FILTERS * width
    assert plan.block_size >= whole
    assert plan.block_at >= plan.rows_at + lanes * plan.block_size
    assert plan.work_size >= plan.block_at + FILTERS * whole
    for low, high in chunks:
        count_pieces(plan, low, high, high - low)


@given(conv_shapes(), st.integers(1, 5), ITEMSIZES)
def test_where_sums_are_cut_does_not_depend_on_the_number_of_threads(shape, factor, itemsize):
    source, target = product_of_x(shape)
    few, many = (make_product_plan(source, target, itemsize=itemsize, threads=n) for n in (1, 1 + factor))
    assert (few.chunks, few.panel_size) == (many.chunks, many.panel_size)
    few, many = (make_gradient_plan(source, shape.out_channels, itemsize=itemsize, threads=n) for n in (1, 1 + factor))
    assert few.chunks == many.chunks


def test_an_image_that_windows_of_1_x_1_read_whole_is_one_row():
    for padding, stride in product((0, 1), (1, 2)):
        axis = Axis(size=6, kernel=1, stride=stride, before=padding)
        source = Source.of_x(ConvShape(2, 3, 4, 1, axis, axis))
        assert source.is_plain == (padding == 0 and stride == 1)
        assert source.places == 2 * axis.output**2
