"""Products of descriptors of bytes and words of signed bytes, on processors that multiply four of each at once.

SIFT descriptors are whole numbers from 0 to 255. Where words are rounded to signed bytes, the instruction ``vpdpbusd``
(AVX-512 VNNI: Intel since Ice Lake, AMD since Zen 4) takes 64 products and their sums in one step, four times what
float32 allows. Compilers do not find it in a plain loop, so `tile` writes the loop in LLVM's language.
"""

from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from numba import types
from numba.core import config
from numba.core.registry import cpu_target
from numba.extending import intrinsic

ROWS = 6  # descriptors of a tile: 6 x 4 sums fill 24 of 32 registers
LANES = 16  # sums in a register
VECTORS = 4  # registers of words
WORDS = LANES * VECTORS  # words of a tile
TOGETHER = 4  # neighbouring numbers that one step multiplies and adds up


def can_multiply_bytes() -> bool:
    """Tell whether numba compiles for a processor that has the instruction, and llvmlite can write it."""
    if config.DISABLE_JIT or not hasattr(llvm, "initialize_native_asmparser"):
        return False
    _, _, features = cpu_target.target_context.codegen().magic_tuple()
    if "+avx512vnni" not in features.split(","):
        return False
    llvm.initialize_native_asmparser()
    return True


@intrinsic
def tile(typing_context, rows, stride, panel, n_steps, biases, out, out_stride, tops, tops_stride):  # type: ignore[no-untyped-def]
    """Write ``WORDS`` sums for each of ``ROWS`` descriptors: products with a word, and the word's bias.

    Parameters
    ----------
    rows, stride : int
        Address of the first descriptor (uint8), and bytes from one to the next.
    panel : int
        Address, a multiple of 64, of the words as int8 ``(n_steps, WORDS, TOGETHER)``.
    n_steps : int
        A quarter of a descriptor's length, at least 1.
    biases : int
        Address of the words' biases (int32).
    out, out_stride : int
        Address of the first sum (int32), and sums from one descriptor's first to the next one's.
    tops, tops_stride : int
        The same for ``LANES`` maxima per descriptor: number l is the highest sum of words l, l + LANES, ...
    """
    signature = types.void(*[types.intp] * 9)

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        _Writer(builder).write(*arguments)
        return context.get_dummy_value()

    return signature, generate


class _Writer:
    """Writes one tile: all sums in registers, and per step four loads of words and six of descriptors."""

    def __init__(self, builder: ir.IRBuilder) -> None:
        self.builder = builder
        self.i32, self.i64 = ir.IntType(32), ir.IntType(64)
        self.vector = ir.VectorType(self.i32, LANES)
        kind = ir.FunctionType(self.vector, [self.vector] * 3)
        self.multiply_add = ir.InlineAsm(kind, "vpdpbusd $2, $1, $0", "=v,v,v,0", side_effect=False)

    def write(
        self,
        rows: Any,
        stride: Any,
        panel: Any,
        n_steps: Any,
        biases: Any,
        out: Any,
        out_stride: Any,
        tops: Any,
        tops_stride: Any,
    ) -> None:
        """Write the loop, and leave the builder behind it."""
        builder = self.builder
        before, loop, after = builder.block, builder.append_basic_block(), builder.append_basic_block()
        numbers = [self._at(rows, builder.mul(stride, self._int(r)), self.i32) for r in range(ROWS)]
        words = builder.inttoptr(panel, self.vector.as_pointer())
        of_words = builder.inttoptr(biases, self.vector.as_pointer())
        first = [self._load(of_words, self._int(v), 4) for v in range(VECTORS)]
        builder.branch(loop)
        builder.position_at_end(loop)
        step = builder.phi(self.i64)
        sums = [builder.phi(self.vector) for _ in range(ROWS * VECTORS)]
        loaded = [
            self._load(words, builder.add(builder.mul(step, self._int(VECTORS)), self._int(v)), 64)
            for v in range(VECTORS)
        ]
        added: list[Any] = []
        for row in numbers:
            repeated = self._repeated(builder.gep(row, [step]))
            for word in loaded:
                added.append(builder.call(self.multiply_add, [repeated, word, sums[len(added)]]))
        following = builder.add(step, self._int(1))
        for phi, start, later in zip([step, *sums], [self._int(0), *first * ROWS], [following, *added], strict=True):
            phi.add_incoming(start, before)
            phi.add_incoming(later, loop)
        builder.cbranch(builder.icmp_signed("<", following, n_steps), loop, after)
        builder.position_at_end(after)
        for r in range(ROWS):
            row, top = added[r * VECTORS : (r + 1) * VECTORS], added[r * VECTORS]
            at = self._at(out, builder.mul(out_stride, self._int(4 * r)), self.vector)
            for v, one in enumerate(row):
                self._store(one, builder.gep(at, [self._int(v)]))
                top = builder.select(builder.icmp_signed(">", top, one), top, one)
            self._store(top, self._at(tops, builder.mul(tops_stride, self._int(4 * r)), self.vector))

    def _int(self, value: int) -> ir.Constant:
        return ir.Constant(self.i64, value)

    def _at(self, address: Any, offset: Any, kind: ir.Type) -> Any:
        return self.builder.inttoptr(self.builder.add(address, offset), kind.as_pointer())

    def _load(self, vectors: Any, number: Any, align: int) -> Any:
        loaded = self.builder.load(self.builder.gep(vectors, [number]))
        loaded.align = align
        return loaded

    def _store(self, vector: Any, where: Any) -> None:
        self.builder.store(vector, where).align = 4

    def _repeated(self, where: Any) -> Any:
        """Return four bytes sixteen times."""
        loaded = self.builder.load(where)
        loaded.align = 1
        undefined = ir.Constant(self.vector, ir.Undefined)
        first = self.builder.insert_element(undefined, loaded, ir.Constant(self.i32, 0))
        return self.builder.shuffle_vector(first, undefined, ir.Constant(self.vector, [0] * LANES))
