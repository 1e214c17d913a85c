/* pickled.h - a state dict of one tensor as the pickle that torch.save writes, in pieces:
 * for tests that break one of them. Opcodes: Python's pickletools. */
#ifndef TESTS_PICKLED_H
#define TESTS_PICKLED_H

/* Octal escapes end before a digit: literals are cut there. */
#define PROTO "\x80\2"
#define HOOKS "ccollections\nOrderedDict\n)R"
#define STORAGE(numel)                                                                     \
    "(X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0"                                     \
    "0"                                                                                    \
    "X\3\0\0\0cpu" numel "tQ"
#define TENSOR(numel, offset, size, stride)                                                \
    "ctorch._utils\n_rebuild_tensor_v2\n(" STORAGE(numel) offset size stride "\x89" HOOKS  \
                                                                             "tR"
#define GOOD TENSOR("K\2", "K\0", "K\2\x85", "K\1\x85") /* torch_floats */
#endif
