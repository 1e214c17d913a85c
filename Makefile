# repolyp: the Makefile is the method section. `make` alone prints help.
MAKEFLAGS += -r
.DELETE_ON_ERROR:
.SUFFIXES:
export LC_ALL := C
help:
	@echo "see README.md"

# ---- 1. Building the tools ------------------------------------------------------------------
# MODE names a way of compiling: plain, asan (address and undefined-behaviour sanitizers), cov (gcov).
MODE     ?= plain
O         = out/obj/$(MODE)
B         = $(if $(filter plain,$(MODE)),out/bin,out/bin-$(MODE))
CFLAGS   ?= -O2 -g
WARN      = -Wall -Wextra -Wpedantic -Wshadow -Wvla -Wstrict-prototypes -Wmissing-prototypes
MODE_plain =
MODE_asan  = -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
MODE_cov   = --coverage -O0
REQUIRED  = -std=c11 -D_GNU_SOURCE -I. -ffp-contract=off -fno-strict-aliasing -pthread $(WARN) $(MODE_$(MODE))
LINK      = $(CC) $(CFLAGS) $(MODE_$(MODE)) -pthread $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^)

sources   = $(filter-out %_main.c,$(wildcard $(1)/*.c))
objects   = $(patsubst %.c,$(O)/%.o,$(1))
CORE      = $(O)/core.a
MODEL     = $(O)/model.a
MODEL_LIBS = -lopenblas
CORE_LIBS = -ljansson -lcrypto -ljpeg -lpng -ltiff -lz -lm
$(O)/%.o: %.c
	@mkdir -p $(@D)
	@echo "  cc $<"
	@$(CC) $(REQUIRED) $(CFLAGS) $(FLAGS_$*) -MMD -MP -c -o $@ $<
$(CORE): $(call objects,$(call sources,core))
	@rm -f $@; ar rcsD $@ $^
$(MODEL): $(call objects,$(call sources,model) $(wildcard model/ref/*.c model/cpu/*.c) model/gpu/none.c)
	@rm -f $@; ar rcsD $@ $^
-include $(shell find $(O) -name '*.d' 2>/dev/null)

# A tool's own objects are those of its room; TOOL_main.c holds main.
$(B)/bag: $(O)/core/bag_main.o $(CORE)
	@mkdir -p $(@D); $(LINK) $(CORE_LIBS)
$(B)/graph: $(O)/model/graph_main.o $(MODEL) $(CORE)
	@mkdir -p $(@D); $(LINK) $(MODEL_LIBS) $(CORE_LIBS)
$(B)/train: $(call objects,$(call sources,train)) $(O)/train/train_main.o $(MODEL) $(CORE)
	@mkdir -p $(@D); $(LINK) $(MODEL_LIBS) $(CORE_LIBS)
$(B)/eval $(B)/predict: $(B)/%: $(call objects,$(call sources,eval)) $(O)/eval/%_main.o $(MODEL) $(CORE)
	@mkdir -p $(@D); $(LINK) $(MODEL_LIBS) $(CORE_LIBS)
