# repolyp: the Makefile is the method section. `make` alone prints help.
MAKEFLAGS += -r
.DELETE_ON_ERROR:
.SUFFIXES:
export LC_ALL := C
help:
	@echo "make deps       installs what is missing (apt)"
	@echo "make tools      compiles the tools into out/bin"
	@echo "make test       compiles and runs the tests; ROOM=core runs one room's"

# ---- 1. Building the tools ------------------------------------------------------------------
# A room is a folder. ROOM/NAME_main.c makes the tool out/bin/NAME, of all the room's other sources;
# tests/ROOM_test.c or tests/ROOM_WHAT_test.c makes the test program of that name, of the room's
# sources too. MODE names a way of compiling: plain, asan (address and undefined-behaviour
# sanitizers), cov (gcov). CFLAGS is the user's; what we cannot do without stands in REQUIRED.
MODE     ?= plain
CFLAGS   ?= -O2 -g
O         = out/obj/$(MODE)
B         = $(if $(filter plain,$(MODE)),out/bin,out/bin-$(MODE))
WARN      = -Wall -Wextra -Wpedantic -Wshadow -Wvla -Wstrict-prototypes -Wmissing-prototypes
MODE_asan = -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
MODE_cov  = --coverage -O0
REQUIRED  = -std=c11 -D_GNU_SOURCE -I. -ffp-contract=off -fno-strict-aliasing -pthread $(WARN)
COMPILE   = $(CC) $(REQUIRED) $(CFLAGS) $(MODE_$(MODE))
LINK      = $(CC) $(CFLAGS) $(MODE_$(MODE)) -pthread -Wl,--as-needed $(LDFLAGS)

ROOMS        = core fetch convert model train eval report tests tests/peer
LIBS_core    = -ljansson -lcrypto -ljpeg -lpng -ltiff -lz -lm
LIBS_model   = -lopenblas
LIBS_fetch   = -lcurl
LIBS_convert = -larchive
LIBS_tests   = -lcmocka -lzip -larchive
# Vector kernels stand in files of their own with flags of their own, chosen at run time.

sources   = $(filter-out %_main.c %_test.c,$(wildcard $(1)/*.c))
objects   = $(patsubst %.c,$(O)/%.o,$(1))
room_of   = $(firstword $(foreach r,$(ROOMS),$(if $(wildcard $(r)/$(1)_main.c),$(r))))
tested    = $(firstword $(subst _, ,$(1)))
CORE      = $(O)/core.a
MODEL     = $(O)/model.a
HELP      = $(O)/tests.a
TOOLS     = $(foreach r,$(ROOMS),$(patsubst $(r)/%_main.c,$(B)/%,$(wildcard $(r)/*_main.c)))
TESTS     = $(patsubst tests/%.c,$(B)/%,$(wildcard tests/*_test.c))
# What stands behind a room's own objects; the linker takes from an archive what is called.
BEHIND_core      = $(CORE)
BEHIND_fetch     = $(CORE)
BEHIND_convert   = $(CORE)
BEHIND_model     = $(MODEL) $(CORE)
BEHIND_train     = $(MODEL) $(CORE)
BEHIND_eval      = $(MODEL) $(CORE)
BEHIND_report    = $(CORE)
BEHIND_tests     = $(HELP) $(CORE)
BEHIND_tests/peer = $(MODEL) $(CORE)

# Changed flags rebuild: they are stamped into a file while make reads this.
ifneq ($(file <$(O)/flags),$(COMPILE) $(LINK))
$(shell mkdir -p $(O))$(file >$(O)/flags,$(COMPILE) $(LINK))
endif
-include $(shell find $(O) -name '*.d' 2>/dev/null)

$(O)/%.o: %.c $(O)/flags
	@mkdir -p $(@D)
	@echo "  cc $<"
	@$(COMPILE) $(FLAGS_$*) -MMD -MP -c -o $@ $<
$(CORE): $(call objects,$(call sources,core))
$(MODEL): $(call objects,$(call sources,model) $(wildcard model/ref/*.c model/cpu/*.c) model/gpu/none.c)
$(HELP): $(call objects,$(call sources,tests))
$(CORE) $(MODEL) $(HELP):
	@rm -f $@; ar rcsD $@ $^

.SECONDEXPANSION:
own = $(call objects,$(filter-out $(wildcard tests/*.c),$(call sources,$(1))))
$(TOOLS): $(B)/%: $(O)/$$(call room_of,$$*)/$$*_main.o $$(call own,$$(call room_of,$$*)) $$(BEHIND_$$(call room_of,$$*))
	@mkdir -p $(@D)
	@echo "  link $@"
	@$(LINK) -o $@ $^ $(LIBS_$(call room_of,$*)) $(LIBS_model) $(LIBS_core)
$(TESTS): $(B)/%: $(O)/tests/$$*.o $$(call own,$$(call tested,$$*)) $(HELP) $(MODEL) $(CORE)
	@mkdir -p $(@D)
	@echo "  link $@"
	@$(LINK) -o $@ $^ $(LIBS_$(call tested,$*)) $(LIBS_tests) $(LIBS_model) $(LIBS_core)
tools: $(TOOLS)

# ---- 2. What the machine needs ----------------------------------------------------------------
PACKAGES = gcc make pkg-config util-linux xz-utils \
    libopenblas-dev libarchive-dev libcurl4-openssl-dev libssl-dev libjansson-dev \
    libjpeg62-turbo-dev libpng-dev libtiff-dev libhdf5-dev zlib1g-dev libcmocka-dev libzip-dev \
    nginx-light gnuplot-nox pandoc texlive-latex-base texlive-latex-recommended \
    texlive-fonts-recommended lmodern
deps:
	@missing=; for p in $(PACKAGES); do \
	    dpkg-query -W -f='$${db:Status-Status}' $$p 2>/dev/null | grep -qx installed || missing="$$missing $$p"; \
	done; \
	if [ "$$missing" ]; then \
	    echo "installing:$$missing"; \
	    sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	    $$sudo apt-get update -q && \
	    $$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends $$missing; \
	fi

# ---- 9. Tests -----------------------------------------------------------------------------------
ROOM ?=
test: $(if $(ROOM),$(filter $(B)/$(ROOM)%,$(TESTS)),$(TESTS))
	@for t in $^; do echo "$$t"; $$t || exit 1; done
.PHONY: help tools deps test
