# repolyp: the Makefile is the method section. `make` alone prints help; `make -n all` is the whole
# experiment, a line a step. Steps meet only as files; each file is written by one tool, aside, then
# renamed, so that what has its final name is complete.
#
#: make deps      installs what is missing (apt; sudo where you are not root)
#: make demo      the whole chain on made-up pictures: out/demo/paper.html, in minutes, without a network
#: make all       the paper from the raw data: out/paper/paper.html and .pdf
#: make table1    the same up to Table 1
#: make cell      one or some cells, or a variant: CELLS=vits-random-cvc H=lr=0.001
#: make doctor    what this machine has, and what each missing thing costs
#: make doctor-weights  how each checkpoint wants its pictures, by its own statistics
#: make sources   every data set and weights: here, to be had or asked for, and on which terms
#: make cross     what was trained, scored on sets it never saw: EXTERNAL="etis cvc300"
#: make status    what is made, stale, not run;  make stale: only what an older program made
#: make test      compiles and runs the tests (minutes);  make test-all: with sanitizers, fuzzers, faults
#: make hostile   makes hostile inputs (SEED=n) and gives each to its tool, plain and sanitized
#: make coverage  which branches of fetch, convert and core the tests take: 90 of 100 are wanted
#: make fuzz      fuzzes every reader of foreign bytes, FUZZ_SECONDS=60 each (FUZZ="zip npz" alone);
#:                fuzz-reach: how much of it that takes; fuzz-proof: planted bugs, each of which is found
#: make mutate    makes one fault at a time in the GPU's kernels, emulated: a test must catch each (an hour)
#: make differential  what we read, others' readers read too, the same values: PEER_PYTHON=python
#: make bench     times us and PyTorch alternately: PEER_PYTHON=python, PEER=required;  bench-gpu: on a GPU
#: make test-gpu  the GPU's tests on the GPU that is here;  make bundle: out/bundle, to run all of it elsewhere
#: make tolerance  ref, cpu and gpu in each precision beside each other on the demo's cells: out/tolerance.tsv
#: make bench-sources  packing beside Pillow and xz, converting, memory: MIRROR=DIR, PEER_PYTHON=python
#: make oracle    installs that PyTorch into .oracle
#: make clean     removes what was compiled, and the demo;  make clean-all: out, with every run and pin
#:
#: PROFILE=demo   speaks of the demo       MIRROR="DIR..."  takes downloads from there, not downloads/
#: OFFLINE=1      opens no socket          REPOLYP_CACHE=DIR  keeps what is fetched, for all checkouts
#: DATASETS="cvc kvasir sun"  ENCODERS="resnet50 vits vitt"  PRETRAIN="random imagenet radimagenet"
#: SEEDS="0 1"  DEVICE=auto|cpu|gpu|ref  THREADS=2  narrow it;  RECIPE=my.conf P=out/mine  vary it
#: SPLIT=random  H=key=value  of make cell: another split, another key of the recipe
#: DEVICES="0 2"  which GPUs; with -j2 a run on each   PLANS=out/plans.bag  what a GPU found quickest
#: DETERMINISTIC=0  lets a GPU add up in any order, if that is quicker
#: FIGURES_WITH_SUN=1  pictures too whose terms forbid passing them on: for your own eyes
#: STRICT=1       a cell that cannot be run is a failure;  DRAFT=1: a false claim is not, it is marked
#: make -n all    is the method, a line a step
#
MAKEFLAGS += -r
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:
.SECONDEXPANSION:
export LC_ALL := C
export SOURCE_DATE_EPOCH := 1735689600
export FORCE_SOURCE_DATE := 1
# The tools. MODE is a way of compiling, see section 7; all but plain have folders of their own.
MODE    ?= plain
B        = out/bin$(patsubst -plain,,-$(MODE))
goals    = $(filter $(1),$(MAKECMDGOALS))
dry      = $(findstring n,$(filter-out -%,$(firstword $(MAKEFLAGS))))
comma           = ,
empty           =
# What must be there before anything is compiled, where both are asked for: `make -j8 deps demo`.
first    = $(call goals,deps)
# FORCE where the file does not hold [text]: contents decide, and `make -n` tells the truth.
unless   = $(if $(findstring [$(2)],$(file <$(1))),,FORCE)

# ---- 1. The experiment --------------------------------------------------------------------------
# A cell of Table 1 is a name, ENCODER-PRETRAINING-DATASET. Two profiles: the paper, and the demo,
# which is the same chain on made-up pictures and weights. Each variable may be narrowed.
PROFILE        ?= $(if $(call goals,demo tolerance),demo,paper)
PRETRAIN_paper  = random imagenet radimagenet
PRETRAIN_demo   = imagenet radimagenet
RECIPE_paper    = train/paper.conf
RECIPE_demo     = train/demo.conf
MIRROR_paper    = downloads
MIRROR_demo     = $P/sources
DATASETS       ?= cvc kvasir sun
ENCODERS       ?= resnet50 vits
PRETRAIN       ?= $(PRETRAIN_$(PROFILE))
# For scoring only (make cross): cvc300 colondb etis polypgen, or any set of DATASETS.
EXTERNAL       ?=
SPLIT          ?= random
SEEDS          ?= 0
RECIPE         ?= $(RECIPE_$(PROFILE))
MIRROR         ?= $(MIRROR_$(PROFILE))
# H=key=value overrides a key of the recipe: another variant, in a folder of that name.
H              ?= $(if $(PRECISION),precision=$(PRECISION))
VARIANT         = $(or $(subst $(empty) ,$(comma),$(strip $H)),main)
P               = out/$(PROFILE)
CELLS           = $(foreach d,$(DATASETS),$(foreach e,$(ENCODERS),$(foreach a,$(PRETRAIN),$e-$a-$d)))

# The demo's small cells run side by side, a thread each; a real cell has the machine for itself.
# What -j says goes before.
ifneq ($(filter demo,$(PROFILE))$(call goals,test test-all tools),)
MAKEFLAGS      += -j$(shell nproc)
endif
ifeq ($(PROFILE),demo)
MAKEFLAGS      += --output-sync=target
THREADS        ?= 1
endif

# Where a source is described; the demo's are made up by a program.
S_paper         = fetch/sources
S_demo          = $P/sources
S               = $(S_$(PROFILE))
PHANTOM_DATA    = cvc kvasir sun-frames-part1 sun-frames-part2 sun-masks
PHANTOM_WEIGHTS = imagenet-resnet50 radimagenet-resnet50 imagenet-vits radimagenet-vits

# What a data set is made of, where that is not one source of its name; weights are made of one source
# each, ARM-ENCODER (random ones of none).
SOURCES_sun    ?= sun-frames-part1 sun-frames-part2 sun-masks
SOURCES_pranettrain ?= pranet-train
PRANET_TEST     = cvc300 colondb etis pranetcvc pranetkvasir
$(foreach d,$(PRANET_TEST),$(eval SOURCES_$d ?= pranet-test))
made_of         = $(or $(SOURCES_$(1)),$(1))
part            = $(word $(1),$(subst -, ,$(2)))
weights_of      = $(call part,2,$(1))-$(call part,1,$(1))
sources_of      = $(call made_of,$(call part,3,$(1))) $(filter-out random-%,$(weights_of))
WANTED          = $(sort $(foreach c,$(CELLS),$(call sources_of,$c)) $(foreach d,$(EXTERNAL),$(call made_of,$d)))

# What was misspelt is told before anything is done.
given           = $(foreach v,$(.VARIABLES),$(if $(filter command,$(firstword $(origin $v))),$v))
$(foreach v,$(filter-out -%,$(given)),$(if $(findstring $v,$(file <$(firstword $(MAKEFILE_LIST)))),,\
    $(error $v: no variable of this Makefile; `make` alone lists them)))
ifeq ($(filter paper demo,$(PROFILE)),)
$(error PROFILE is '$(PROFILE)', wanted paper or demo)
endif
ifneq ($(and $(call goals,all demo table1 cross),$(filter-out main/random,$(VARIANT)/$(SPLIT))),)
$(error a table is of the recipe as it stands and of random splits, found H="$H" SPLIT=$(SPLIT); wanted `make cell` with these, whose scores go to $P/runs/$(VARIANT), or a table under a recipe of your own: make table1 RECIPE=my.conf P=out/mine)
endif
ifeq ($(if $(call goals,cross),$(strip $(EXTERNAL)),na),)
$(error cross: EXTERNAL is empty, wanted data sets to score on, as EXTERNAL="etis cvc300")
endif

# A source that cannot be had (by request only, or a host that does not answer) must not stop the
# rest. So fetching comes first: make remakes the files it includes, here absent.mk, before all
# else, then starts again and knows which cells can run. $P/raw/NAME.absent says why NAME is not here.
CHAIN           = all demo table1 cell cross doctor-weights status stale
chain           = $(call goals,$(CHAIN))
ifneq ($(chain),)
ifneq ($(dry)$(call goals,status stale),)
-include $P/absent.mk
else
include $P/absent.mk
endif
endif
ifneq ($(chain),)
is_there        = $(or $(wildcard $S/$(1).src fetch/sources/$(filter random-%,$(1)).src),$(filter $(1),$(PHANTOM_DATA) $(PHANTOM_WEIGHTS)))
$(foreach c,$(CELLS),$(if $(word 3,$(subst -, ,$c)),,\
    $(error CELLS: '$c', wanted ENCODER-PRETRAINING-DATASET, as vits-imagenet-cvc)))
$(foreach w,$(WANTED) $(patsubst %,random-%,$(sort $(foreach c,$(CELLS),$(call part,1,$c)))),$(if $(call is_there,$w),,\
    $(error $w: there is no $S/$w.src, which DATASETS="$(DATASETS)" ENCODERS="$(ENCODERS)" PRETRAIN="$(PRETRAIN)" $(EXTERNAL:%=EXTERNAL=%) ask for; `make sources` lists what there is)))
$(foreach m,$(if $(filter command environment,$(firstword $(origin MIRROR))),$(MIRROR)),$(if $(wildcard $m/.),,\
    $(error MIRROR: no folder '$m')))
endif
lacks           = $(strip $(filter $(ABSENT),$(call sources_of,$(1))))
RUN_CELLS       = $(foreach c,$(CELLS),$(if $(call lacks,$c),,$c))
RUN_DATA        = $(filter $(foreach c,$(RUN_CELLS),$(call part,3,$c)),$(DATASETS))
FOREIGN         = $(foreach d,$(EXTERNAL),$(if $(filter $(ABSENT),$(call made_of,$d)),,$d))

# ---- 2. Fetch: a source to a verified raw file --------------------------------------------------
RAW             = $(WANTED:%=$P/raw/%)
# Asked for by name, also a source that no cell wants, an absent one is an error; in the chain it is
# written down.
$(sort $(RAW) $(patsubst $S/%.src,$P/raw/%,$(wildcard $S/*.src))): $P/raw/%: $S/%.src | $B/fetch
	$B/fetch $(MIRROR:%=--mirror %) --pins out/pins.tsv --terms out/terms.tsv $(if $(chain),--absent $@.absent) $< $@
	$(if $(chain),,@rm -f $@.absent)
$P/absent.mk: $(if $(strip $(foreach s,$(ABSENT),$(if $(wildcard $P/raw/$s.absent),,$s))),FORCE) \
        $(if $(MAKE_RESTARTS)$(dry)$(call goals,status stale),,$(RAW))
	@mkdir -p $P/raw; echo ABSENT = $$(ls $P/raw | sed -n 's/\.absent$$//p') > $@.tmp; mv $@.tmp $@

# The demo's sources: pictures and weights that a program makes up, in the real containers.
$(PHANTOM_DATA:%=out/demo/sources/%.src): out/demo/sources/%.src: | $B/phantom
	$B/phantom $* $(@D)
$(PHANTOM_WEIGHTS:%=out/demo/sources/%.src): out/demo/sources/%.src: | $B/phantom_weights
	$B/phantom_weights $* $(@D)

# ---- 3. Convert: raw files to packs, splits and weights -----------------------------------------
# Binaries of dear steps stand behind the bar: a changed program is no reason to do them again
# (`make stale` lists what an older program made).
CONF_paper      = convert
CONF_demo       = convert/demo
CONF            = $(CONF_$(PROFILE))
PACKS           = $(patsubst %,$P/data/%.bag,$(sort $(DATASETS) $(EXTERNAL)))
SPLITS          = $(foreach d,$(DATASETS),$(foreach s,$(SEEDS),$P/splits/$d.$(SPLIT).s$s.tsv)) \
                  $(EXTERNAL:%=$P/splits/%.all.s0.tsv)
WEIGHTS         = $(foreach w,$(sort $(foreach c,$(CELLS),$(call weights_of,$c))),$(call weights_bag,$w))
DRAWN           = $(filter $P/weights/random-%,$(WEIGHTS))
# A recipe that says `load partial` takes what there is of a checkpoint, into a bag of another name;
# the paper says so. A Keras file (format keras) becomes a bag first, by a tool of its own.
LOAD            = $(or $(patsubst load=%,%,$(filter load=%,$H)),$(shell sed -n 's/^load \([a-z]*\).*/\1/p' $(RECIPE)))
PART            = $(if $(filter partial,$(LOAD)),partial/)
weights_bag     = $P/weights/$(if $(filter random-%,$(1)),,$(PART))$(1).bag
KERAS           = $(patsubst $S/%.src,$P/raw/%,$(shell grep -ls '^format keras' $(WANTED:%=$S/%.src) /dev/null))
opened          = $P/raw/$(1)$(if $(filter $P/raw/$(1),$(KERAS)),.bag)
dot             = $(word $(1),$(subst ., ,$(2)))
described       = $(patsubst %,$S/%.src,$(made_of))
fetched         = $(patsubst %,$P/raw/%,$(made_of))
# How to convert a set that says nothing of its own.
conf_of         = $(firstword $(wildcard $(CONF)/$(1).conf) $(CONF)/default.conf)
split_lists     = $(wildcard $(patsubst %,convert/names/$(1).%.txt,train val))
lists           = $(foreach f,$(split_lists),--list $(lastword $(subst ., ,$(f:.txt=)))=$f)
named           = $(call dot,1,$(1)).$(call dot,2,$(1))
$(PACKS): $P/data/%.bag: $$(call conf_of,$$*) $$(call described,$$*) $$(call fetched,$$*) \
        $$(wildcard convert/names/$$*-*.tsv) | $B/pack
	$B/pack $(if $(filter %/default.conf,$<),--data $*) $(filter-out %.tsv,$^) $@
$(SPLITS): $P/splits/%.tsv: $P/data/$$(call dot,1,$$*).bag $$(call split_lists,$$(call named,$$*)) | $B/split
	$B/split $(call lists,$(call named,$*)) $(call dot,2,$*) $(patsubst s%,%,$(call dot,3,$*)) $< $@
$(KERAS:%=%.bag): %.bag: % | $B/h5
	$B/h5 $< $@
$(filter-out $(DRAWN),$(WEIGHTS)): $P/weights/$(PART)%.bag: $S/%.src $$(call opened,$$*) | $B/weights
	$B/weights $(if $(PART),--partial )$^ $@
$(DRAWN): $P/weights/%.bag: fetch/sources/%.src | $B/weights
	$B/weights $< $@

# What each checkpoint's batch norms say of how it wants its pictures, before anything is trained; a
# checkpoint of which a part is missing may speak for the rest. The pictures are the first set's.
EXAMINED        = $(filter-out random-% $(ABSENT),$(sort $(foreach c,$(CELLS),$(call weights_of,$c))))
SEEN            = $(firstword $(foreach d,$(DATASETS),$(if $(filter $(ABSENT),$(call made_of,$d)),,$d)))
$(EXAMINED:%=$P/doctor/%.bag): $P/doctor/%.bag: $S/%.src $$(call opened,$$*) | $B/weights
	$B/weights --partial $^ $@
doctor-weights: $(EXAMINED:%=$P/doctor/%.bag) $(SEEN:%=$P/data/%.bag) \
        $(SEEN:%=$P/splits/%.$(SPLIT).s$(firstword $(SEEDS)).tsv) $B/doctor
	$(if $(and $(EXAMINED),$(SEEN)),,$(error doctor-weights: wanted weights and a data set, found "$(EXAMINED)" and "$(SEEN)"; make doctor says what is missing))
	@status=0; for w in $(EXAMINED:%=$P/doctor/%.bag); do \
	    $B/doctor $(THREADS:%=--threads %) $$w $(RECIPE) $(SEEN:%=$P/data/%.bag) \
	        $(SEEN:%=$P/splits/%.$(SPLIT).s$(firstword $(SEEDS)).tsv) || status=1; echo; done; exit $$status

# ---- 4. Train: a cell and a seed to a run -------------------------------------------------------
# run.tsv is written last; the run's folder is VARIANT/CELL/SPLIT/sSEED, and says all of it.
run             = $(word $(1),$(subst /, ,$(2)))
RUNS            = $(foreach c,$(RUN_CELLS),$(foreach s,$(SEEDS),$P/runs/$(VARIANT)/$c/$(SPLIT)/s$s))
pack_of         = $P/data/$(call part,3,$(call run,2,$(1))).bag
split_of        = $P/splits/$(call part,3,$(call run,2,$(1))).$(call run,3,$(1)).$(call run,4,$(1)).tsv
bag_of          = $(call weights_bag,$(call weights_of,$(call run,2,$(1))))
PRESET          = $(shell sed -n 's/^preset \([a-z0-9]*\).*/train\/\1.conf/p' $(RECIPE))
DEVICE         ?= auto
# Which plans a GPU found the quickest is kept for all runs.
PLANS          ?= out/plans.bag
DETERMINISTIC  ?= 1
any_order       = $(if $(filter 0,$(DETERMINISTIC)),--any-order)
# With -jN runs go side by side, each on a GPU of DEVICES (all there are) that is free, else it waits for
# one. Two cells of small sets share a GPU that has the memory (model/gpu/seat.h); any other has its own.
DEVICES        ?=
SMALL          ?= cvc kvasir
comma          := ,
empty          :=
listed          = $(subst $(empty) $(empty),$(comma),$(strip $(DEVICES)))
place           = $(if $(filter auto gpu,$(DEVICE)),:$(listed)x$(if $(filter $(SMALL),$(call part,3,$(call run,2,$(1)))),2,1))
machine         = --device $(DEVICE)$(call place,$(1)) $(THREADS:%=--threads %) \
                  $(if $(filter-out cpu ref,$(DEVICE)),--plans $(PLANS))
run_args        = --seed $(patsubst s%,%,$(call run,4,$(1))) $(H:%=--set %) $(call run,2,$(1)) $(RECIPE) \
                  $(call pack_of,$(1)) $(call split_of,$(1)) $(call bag_of,$(1)) $P/runs/$(1)
# train stamps its runs with what computes them: the sources of core, model and train.
COMPUTES        = $(sort $(wildcard core/*.[ch] model/*.[ch] model/*/*.[ch] model/gpu/*.cu train/*.[ch]))
COMPUTED_BY     = $(firstword $(shell cat $(COMPUTES) /dev/null | sha256sum))
# Another recipe, by name too, is another run; train looks whether it differs.
$P/recipe.of: $(call unless,$P/recipe.of,$(RECIPE))
	@mkdir -p $(@D); echo '[$(RECIPE)]' > $@
# [a run
$(RUNS:%=%/run.tsv): $P/runs/%/run.tsv: $(RECIPE) $(PRESET) $P/recipe.of $$(call pack_of,$$*) $$(call split_of,$$*) \
        $$(call bag_of,$$*) | $B/train
	$B/train $(call machine,$*) $(any_order) $(call run_args,$*)
# a run]

# ---- 5. Evaluate: a run to a row an image -------------------------------------------------------
# Beside the score eval writes masks.bag, for the picture grids.
SCORES          = $(foreach r,$(RUNS),$r/score.$(call part,3,$(call run,2,$(r:$P/runs/%=%))).tsv)
KINDS           = background polyp mean
BASELINES       = $(foreach d,$(RUN_DATA),$(foreach k,$(KINDS),\
                    $P/runs/main/baseline-$k-$d/$(SPLIT)/s$(firstword $(SEEDS))/score.$d.tsv))
# On sets it never saw, all their pictures validate.
CROSS           = $(foreach r,$(RUNS),$(patsubst %,$r/score.%.tsv,\
                    $(filter-out $(call part,3,$(call run,2,$(r:$P/runs/%=%))),$(FOREIGN))))
scored          = $(call dot,2,$(notdir $(1)))
$(SCORES): $P/runs/%.tsv: $$(@D)/run.tsv $$(call pack_of,$$*) $$(call split_of,$$*) $B/eval
	$B/eval $(call machine,$*) --masks $(@D)/masks.bag $(call run,2,$*) $(@D)/model.bag $(call pack_of,$*) \
	    $(call split_of,$*) $@
$(CROSS): $P/runs/%.tsv: $$(@D)/run.tsv $P/data/$$(call scored,$$*).bag $P/splits/$$(call scored,$$*).all.s0.tsv $B/eval
	$B/eval $(call machine,$*) $(call run,2,$*) $(@D)/model.bag $P/data/$(call scored,$*).bag $P/splits/$(call scored,$*).all.s0.tsv $@
$(BASELINES): $P/runs/%.tsv: $$(call pack_of,$$*) $$(call split_of,$$*) $B/eval
	$B/eval $(THREADS:%=--threads %) --baseline $(call part,2,$(call run,2,$*)) vits-random-$(call part,3,$(call run,2,$*)) \
	    $(call pack_of,$*) $(call split_of,$*) $@

# ---- 6. Report: rows to numbers, numbers to the paper -------------------------------------------
# Every cell of the experiment, CELL where it runs, CELL=FILE.absent... where it does not.
because         = $(subst $(empty) ,$(comma),$(patsubst %,$P/raw/%.absent,$(1)))
EXPERIMENT      = $(foreach c,$(CELLS),$c$(if $(call lacks,$c),=$(call because,$(call lacks,$c))))
$P/experiment.tsv: $(wildcard $(ABSENT:%=$P/raw/%.absent)) $B/experiment $(call unless,$P/experiment.tsv,$(EXPERIMENT))
	$B/experiment $(EXPERIMENT) $@
$P/results.tsv: $P/experiment.tsv $(SCORES) $(BASELINES) report/published.tsv $B/gather
	$B/gather --experiment $< $(SCORES) $(BASELINES) report/published.tsv $@
$P/cross.tsv: $P/experiment.tsv $(SCORES) $(CROSS) report/published.tsv $P/cross.of $B/gather
	$B/gather --experiment $< $(SCORES) $(CROSS) report/published.tsv $@
$P/curves.tsv: $(SCORES) $B/gather
	$B/gather --curves $(RUNS) $@
# Programs that are not ours write aside too.
half            = $(@D)/.half.$(@F)
GNUPLOT         = LC_ALL=C.UTF-8 gnuplot -c
TABLES          = $(addprefix $P/table1.,md tex tsv)
$(TABLES): $P/results.tsv report/names.tsv $B/table
	$B/table --names report/names.tsv $< $@
$P/curves.png: report/curves.gp $P/curves.tsv report/style.gp report/names.tsv
	$(GNUPLOT) $< $P/curves.tsv $(half)
	@mv $(half) $@
$P/bars.png: report/bars.gp $P/table1.tsv report/style.gp report/names.tsv
	$(GNUPLOT) $< $P/table1.tsv $(half)
	@mv $(half) $@
# Per data set the pack and, of the first seed, what each cell found. Of a set whose terms forbid passing
# pictures on none is shown, unless FIGURES_WITH_SUN=1, for your own eyes.
found           = $(filter %-$(1)/$(SPLIT)/s$(firstword $(SEEDS)),$(RUNS))
GRID            = $(foreach d,$(RUN_DATA),$P/data/$d.bag $(addsuffix /masks.bag,$(call found,$d)))
$P/montage.png: $(SCORES) report/names.tsv $P/montage.of $B/montage
	$B/montage $(if $(FIGURES_WITH_SUN),--restricted) --names report/names.tsv $(GRID) $@
# What was asked for, where that is all that changes: as contents, so that make sees it.
asked_cross     = $(FOREIGN)
asked_montage   = $(if $(FIGURES_WITH_SUN),restricted pictures too,no restricted pictures)
$P/cross.of $P/montage.of: $P/%.of: $$(call unless,$$@,$$(asked_$$*))
	@mkdir -p $(@D); echo '[$(asked_$*)]' > $@
# Where the sources are links, as in the copies that tests make, theirs.
COMMIT         := $(shell cd "$$(dirname "$$(readlink -f Makefile)")" && c=$$(git rev-parse --short=10 HEAD 2>/dev/null) && \
                      { git diff --quiet HEAD && echo $$c || echo $$c+changes; } || echo unknown)
$P/colophon.md: $(RUNS:%=%/run.tsv) $(COMPUTES) $B/colophon $(if $(findstring $(COMMIT),$(file <$P/colophon.md)),,FORCE)
	$B/colophon --commit $(COMMIT) --sources $(COMPUTED_BY) $(RUNS) $@

# The paper: every number in it is looked up, every claim judged; pandoc sets it. The demo's first
# line says what its numbers are worth.
DRAFT_demo      = --draft --notice report/phantom.md
QUOTED          = $(shell sed -n 's/^{{code \([^ ]*\) .*/\1/p' paper.md)
FIGURES         = $(addprefix $P/,curves.png bars.png montage.png)
PANDOC          = pandoc --from markdown-raw_html-raw_tex-raw_attribute-citations --metadata-file report/paper.yaml --number-sections --resource-path $P
# A claim that the numbers do not bear stops the paper; DRAFT=1 sets it all the same, marked as false.
$P/paper.md: paper.md $P/results.tsv $P/table1.md $P/colophon.md $(FIGURES) $(QUOTED) report/phantom.md $B/weave
	$B/weave $(or $(DRAFT_$(PROFILE)),$(if $(DRAFT),--draft)) $(if $(STRICT),--strict) paper.md $P/results.tsv $@
$P/paper.html: $P/paper.md report/paper.css report/paper.yaml
	$(PANDOC) --standalone --self-contained --mathml --css report/paper.css --output $(half) $<
	@mv $(half) $@
$P/paper.pdf: $P/paper.md report/paper.tex report/paper.yaml
	$(PANDOC) --pdf-engine-opt=-no-shell-escape --include-in-header report/paper.tex --output $(half) $<
	@mv $(half) $@
# Beside the paper, never in it: what the machine was and how long it took.
$P/host.md: $(RUNS:%=%/run.tsv) $B/host
	$B/host $(RUNS) $@
$P/host.html: $P/host.md report/paper.css
	$(PANDOC) --standalone --self-contained --metadata pagetitle=host --css report/paper.css --output $(half) $<
	@mv $(half) $@

all: $P/paper.html $P/paper.pdf $P/host.html $(TABLES) $(if $(STRICT),strict)
table1: $P/table1.md $P/table1.tex $(if $(STRICT),strict)
	@cat $P/table1.md
strict: $P/table1.md $P/table1.tex $(call goals,all)
	$B/table --strict $P/results.tsv
cell: $(SCORES)
# Mean Dice on each of the other sets.
cross: $P/cross.tsv
	@sed -n 's,^\([^/]*\)/\([^/]*\)/[^/]*/dice\.\([a-z0-9]*\)\tok\t\([^\t]*\).*,\2 (\1) on \3: Dice \4,p' $<
demo: all
	@cat $P/table1.md
	@echo; echo "The paper: $P/paper.html and $P/paper.pdf. Its pictures are made up: no number is a result."

# ---- 7. Building the tools ----------------------------------------------------------------------
# A room is a folder. ROOM/NAME_main.c makes the tool out/bin/NAME; tests/ROOM_test.c or
# tests/ROOM_WHAT_test.c makes the test program of that name. Ways of compiling (MODE): plain, asan
# (address and undefined-behaviour sanitizers), cov (gcov), fuzz (clang's libFuzzer, else a driver of
# ours), emu (the GPU machine on the processor, see below). CFLAGS is the user's; what we cannot do
# without stands in REQUIRED.
CFLAGS    ?= -O2 -g
WARN       = -Wall -Wextra -Wpedantic -Wshadow -Wvla -Wstrict-prototypes -Wmissing-prototypes
REQUIRED   = -std=c11 -D_GNU_SOURCE -I. -ffp-contract=off -fno-strict-aliasing -pthread $(WARN)
SANITIZERS = -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
CLANG     ?= $(shell command -v clang)
MODES      = plain asan cov fuzz emu
CC_asan    = $(SANITIZERS)
CC_cov     = --coverage -fprofile-update=atomic -O0 -Wl,-u,__gcov_dump
CC_fuzz    = $(SANITIZERS) -O1 $(CLANG:%=-fsanitize=fuzzer-no-link)
cc         = $(if $(filter fuzz,$(1)),$(or $(CLANG),$(CC)),$(CC))
compile    = $(call cc,$(1)) $(REQUIRED) $(CFLAGS) $(CC_$(1))
link       = $(call cc,$(1)) $(CFLAGS) $(CC_$(1)) -pthread -Wl,--as-needed $(LDFLAGS)

# A room's objects stand in an archive, of which the linker takes what is called. Which archives each
# room's programs may call, and the libraries from outside:
ROOMS            = core fetch convert model train eval report tests tests/hostile tests/peer tests/fuzz
CALLS_core       = core
CALLS_fetch      = fetch core
CALLS_convert    = convert core
CALLS_model      = model core
CALLS_train      = train model core
CALLS_eval       = eval model core
CALLS_report     = report core
CALLS_tests      = tests core
CALLS_tests/hostile = tests/hostile tests core
CALLS_tests/peer = tests/peer tests convert model core
LIBS_tests/peer  = $(LIBS_convert) -lzip
BORROWS_eval     = train
LIBS_core        = -ljansson -lcrypto -ljpeg -lpng -ltiff -lz -lm
LIBS_model       = -lopenblas
LIBS_fetch       = -lcurl
LIBS_convert     = -larchive -llzma -lhdf5_serial
LIBS_tests       = -lcmocka -lzip -larchive -lssl
LIBS_tests/hostile = $(LIBS_tests) -lhdf5_serial
LIBS_tests/fuzz  = $(LIBS_fetch) $(LIBS_convert) $(LIBS_tests)

sources   = $(filter-out %_main.c %_test.c %/drive.c tests/fuzz/%,$(wildcard $(1)/*.c))
home      = $(firstword $(foreach r,$(ROOMS),$(if $(wildcard $r/$(1)_main.c),$r)))
tested    = $(firstword $(subst _, ,$(1)))
archives  = $(foreach a,$(sort $(2)),out/obj/$(if $(filter-out model,$a),$(call unemulated,$(1)),$(1))/$a.a)
TOOLS     = $(foreach r,$(ROOMS),$(patsubst $r/%_main.c,%,$(wildcard $r/*_main.c)))
TESTS     = $(patsubst tests/%.c,%,$(wildcard tests/*_test.c))
FUZZERS   = $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))

# The GPU machine is compiled and linked where nvcc and cuDNN are, for every GPU from Turing to Blackwell
# (the last one's intermediate code serves what comes after it); whether there is a GPU a program asks
# when it runs. Elsewhere none.c says that there is none. It takes longer than the demo, so what only runs
# the chain compiles it where there is a GPU alone.
on_gpu     = $(wildcard /dev/nvidia[0-9]* /dev/dxg)
NVCC      ?= $(if $(or $(on_gpu),$(filter-out deps sources $(CHAIN),$(or $(MAKECMDGOALS),help))),\
                 $(firstword $(shell command -v nvcc) $(wildcard /usr/local/cuda/bin/nvcc)))
CUDA       = $(NVCC:%/bin/nvcc=%)
CUDNN_DIR ?= $(CUDA)
CUDNN_H    = $(and $(NVCC),$(firstword $(wildcard $(CUDNN_DIR)/include/cudnn.h /usr/include/cudnn.h \
                 /usr/include/x86_64-linux-gnu/cudnn.h)))
ARCHS      = 75 80 86 89 90 100 120
NVCCFLAGS  = -O3 -std=c++17 -I. -Xcompiler=-Wall,-Wextra,-ffp-contract=off \
             $(foreach a,$(ARCHS),-gencode=arch=compute_$a,code=sm_$a) \
             -gencode=arch=compute_$(lastword $(ARCHS)),code=compute_$(lastword $(ARCHS))
CU         = $(wildcard model/gpu/*.cu)
# What calls CUDA's libraries; all else of model/gpu is compiled anywhere.
LIBRARIES  = $(wildcard $(addprefix model/gpu/,device.c library.c cublas.c survey.c cudnn*.c))
GPU        = $(if $(CUDNN_H),$(CU) $(filter-out %none.c,$(wildcard model/gpu/*.c)) \
                 $(if $(wildcard model/gpu/gpu.c),,model/gpu/none.c),$(wildcard model/gpu/*none.c) model/gpu/plans.c model/gpu/choose.c)
ALSO_model = $(call sources,model/ref) $(call sources,model/cpu) $(GPU)
INCLUDES   = $(and $(filter model/gpu/%,$(1)),$(CUDNN_H),-isystem $(dir $(CUDNN_H)) -isystem $(CUDA)/include)
folders    = $(sort $(CUDA)/lib64 $(wildcard $(CUDNN_DIR)/lib64 $(CUDNN_DIR)/lib))
LIBS_model += $(if $(CUDNN_H),$(folders:%=-L%) $(folders:%=-Wl,-rpath,%) -lcudnn -lcublasLt -lcudart -lstdc++)

# MODE=emu: the kernels' very sources compiled for the processor (tests/emu), and all of model/gpu but
# what calls CUDA's libraries. Its programs differ from the plain ones in the model's archive alone.
EMULATED   = $(CU) $(wildcard tests/emu/*.cc tests/emu/*.cu) $(if $(wildcard model/gpu/gpu.c),,model/gpu/none.c) \
             $(filter-out $(LIBRARIES) model/gpu/none.c,$(wildcard model/gpu/*.c))
CXX_emu    = $(CXX) -std=c++17 -D_GNU_SOURCE -Itests/emu -I. -ffp-contract=off -fno-strict-aliasing \
             -fno-exceptions -fno-rtti -fno-threadsafe-statics -Wall -Wextra -Wno-unknown-pragmas \
             $(CFLAGS) -x c++
# gcc puts a call before each access to memory; tests/emu/watch.cc is what is called.
WATCHED_emu = -fsanitize=thread
unemulated = $(patsubst emu,plain,$(1))

# out/obj/MODE/FILE.o. Vector kernels stand in files of their own with flags of their own (FLAGS_ and
# the file's name); which one runs is chosen by the processor's features.
FLAGS_core/lanes   = -O3
FLAGS_core/lanes_rgb_avx2 = -O3
FLAGS_core/lanes_rgb_vnni = -O3
FLAGS_train/record = -DSOURCES_SHA256='"$(COMPUTED_BY)"'
mode      = $(firstword $(subst /, ,$(1)))
source    = $(patsubst $(call mode,$(1))/%,%,$(1))
aside     = -MMD -MP -MT $@ -MF $(@:.o=.d) -c -o $@.$$$$ $< && mv $@.$$$$ $@
# nvcc's objects are the same in every mode but emu.
objects   = $(patsubst %,out/obj/$(1)/%.o,$(basename $(filter-out %.cu,$(2)))) \
            $(patsubst %.cu,out/obj/$(if $(filter emu,$(1)),emu,plain)/%.o,$(filter %.cu,$(2)))
out/obj/%.o: $$(call source,$$*).c out/obj/$$(call mode,$$*)/flags | $(first)
	@mkdir -p $(@D)
	@echo "  cc $(patsubst plain/%,%,$*).c"
	@$(call compile,$(call mode,$*)) $(WATCHED_$(call mode,$*)) $(FLAGS_$(call source,$*)) \
	    $(call INCLUDES,$(call source,$*)) $(aside)
out/obj/%.o: $$(call source,$$*).cu out/obj/$$(call mode,$$*)/flags out/obj/nvcc | $(first)
	@mkdir -p $(@D)
	@echo "  nvcc $<"
	@$(NVCC) $(NVCCFLAGS) $(aside)
$(call objects,emu,$(filter %.cu %.cc,$(EMULATED))): out/obj/emu/%.o: $$(wildcard $$*.cu $$*.cc) \
        out/obj/emu/flags | $(first)
	@mkdir -p $(@D)
	@echo "  cc emu/$<"
	@$(CXX_emu) $(if $(filter %.cu,$<),$(WATCHED_emu)) $(aside)
$(MODES:%=out/obj/%/flags): out/obj/%/flags: $$(call unless,$$@,$$(call compile,$$*) $$(CXX_$$*) $$(WATCHED_$$*) $$(LDFLAGS))
	@mkdir -p $(@D)
	@echo '[$(call compile,$*) $(CXX_$*) $(WATCHED_$*) $(LDFLAGS)]' > $@
out/obj/nvcc: $$(call unless,$$@,$$(NVCC) $$(NVCCFLAGS))
	@mkdir -p $(@D)
	@echo '[$(NVCC) $(NVCCFLAGS)]' > $@
-include $(shell find out/obj -name '*.d' 2>/dev/null)
$(MODES:%=out/obj/%/train/record.o): $(COMPUTES)

ARCHIVES  = $(foreach m,$(filter-out emu,$(MODES)),$(ROOMS:%=out/obj/$m/%.a))
$(ARCHIVES): out/obj/%.a: $$(call objects,$$(call mode,$$*),$$(call sources,$$(call source,$$*)) $$(ALSO_$$(call source,$$*))) \
        $$(if $$(filter model,$$(call source,$$*)),out/obj/gpu)
	@ar rcsDP $@.$$$$ $(filter %.o,$^) && mv $@.$$$$ $@
# What of model/gpu is in the archives: with it and without it are both whole, but not the same.
out/obj/gpu: $(call unless,out/obj/gpu,$(GPU))
	@mkdir -p $(@D)
	@echo '[$(GPU)]' > $@
out/obj/emu/model.a: $(call objects,plain,$(foreach m,model model/ref model/cpu,$(call sources,$m))) \
        $(call objects,emu,$(EMULATED))
	@ar rcsDP $@.$$$$ $^ && mv $@.$$$$ $@
# out/bin/NAME, out/bin-MODE/NAME.
way       = $(or $(patsubst -%,%,$(filter -%,$(firstword $(subst /, ,$(1))))),plain)
obj       = out/obj/$(call unemulated,$(call way,$(1)))
bins      = $(foreach m,$(MODES),$(1:%=out/bin$(patsubst -plain,,-$m)/%))
binary    = @mkdir -p $(@D); echo "  link $@"; $(call link,$(call way,$*)) -o $@.$$$$ $(filter %.o,$^) \
            -Wl,--start-group $(filter %.a,$^) -Wl,--end-group
$(call bins,$(TOOLS)): out/bin%: $$(call obj,$$*)/$$(call home,$$(@F))/$$(@F)_main.o \
        $$(call archives,$$(call way,$$*),$$(CALLS_$$(call home,$$(@F))))
	$(binary) $(LIBS_$(call home,$(@F))) $(LIBS_model) $(LIBS_core) && mv $@.$$$$ $@
# A test program may call its room, the tests' helpers, model and core (eval's trains something to
# score); a fuzz target what reads.
$(call bins,$(TESTS)): out/bin%: $$(call obj,$$*)/tests/$$(@F).o \
        $$(call archives,$$(call way,$$*),tests model core $$(CALLS_$$(call tested,$$(@F))) $$(BORROWS_$$(call tested,$$(@F))))
	$(binary) $(LIBS_$(call tested,$(@F))) $(LIBS_tests) $(LIBS_model) $(LIBS_core) && mv $@.$$$$ $@
$(FUZZERS:%=out/bin-fuzz/%): out/bin%: out/obj/fuzz/tests/fuzz/$$(@F).o $(if $(CLANG),,out/obj/fuzz/tests/fuzz/drive.o) \
        $$(call archives,fuzz,tests report fetch convert core)
	$(binary) $(CLANG:%=-fsanitize=fuzzer) $(LIBS_tests/fuzz) $(LIBS_core) && mv $@.$$$$ $@
# The same with their branches counted, to replay what was found; a child says what it took.
$(FUZZERS:%=out/bin-cov/%): out/bin%: out/obj/cov/tests/fuzz/$$(@F).o out/obj/cov/tests/fuzz/drive.o \
        $$(call archives,cov,tests report fetch convert core)
	$(binary) -Wl,-u,__gcov_dump $(LIBS_tests/fuzz) $(LIBS_core) && mv $@.$$$$ $@
tools: $(TOOLS:%=$B/%)

# ---- 8. The machine -----------------------------------------------------------------------------
PACKAGES = gcc g++ make pkg-config util-linux xz-utils libopenblas-dev libarchive-dev liblzma-dev libcurl4-openssl-dev \
    libhdf5-dev libssl-dev libjansson-dev libjpeg62-turbo-dev libpng-dev libtiff-dev zlib1g-dev \
    libcmocka-dev libzip-dev nginx-light openssl ca-certificates gnuplot-nox fonts-dejavu-core pandoc texlive-latex-base \
    texlive-latex-recommended texlive-fonts-recommended lmodern
# nginx is for tests, which start their own: the service that comes with it is not left on.
NOT_SERVED = { $$sudo service nginx stop; $$sudo update-rc.d nginx disable; } >/dev/null 2>&1 || true
deps:
	@missing=; for p in $(PACKAGES); do \
	    dpkg-query -W -f='$${db:Status-Status}' $$p 2>/dev/null | grep -qx installed || missing="$$missing $$p"; \
	done; \
	if [ "$$missing" ]; then \
	    echo "installing:$$missing"; \
	    sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	    $$sudo apt-get update -q && \
	    $$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends $$missing && \
	    case "$$missing" in *nginx-light*) $(NOT_SERVED) ;; esac; \
	fi
doctor:
	@CC='$(CC)' NVCC='$(NVCC)' CUDNN_DIR='$(CUDNN_DIR)' PEER_PYTHON='$(PEER_PYTHON)' PROFILE=$(PROFILE) SOURCES=$S WANTED='$(WANTED)' \
	    RAW=$P/raw MIRROR='$(MIRROR)' tests/doctor.sh
# Every source there is, or the demo's; nothing is fetched.
sources: $B/sources $(if $(filter demo,$(PROFILE)),$(patsubst %,$S/%.src,$(PHANTOM_DATA) $(PHANTOM_WEIGHTS)))
	@$< $(MIRROR:%=--mirror %) --raw $P/raw --pins out/pins.tsv $$(ls $S/*.src)
# What is made, stale (by contents, not by time) or not run; PROFILE=demo for the demo.
status: $B/status
	@for s in $(WANTED); do \
	    if [ -e $P/raw/$$s ]; then echo "$P/raw/$$s: fetched"; \
	    else cat $P/raw/$$s.absent 2>/dev/null || echo "$P/raw/$$s: not fetched"; fi; done
	@$(foreach r,$(RUNS),$< --sources $(COMPUTED_BY) $(call run_args,$(r:$P/runs/%=%));)
	@for f in $P/table1.md $P/paper.html $P/paper.pdf; do \
	    if [ ! -e $$f ]; then echo "$$f: not made"; \
	    elif [ $P/results.tsv -nt $$f ] || [ "$$(find $P/runs -name run.tsv -newer $P/results.tsv 2>/dev/null)" ]; then echo "$$f: stale, older than its runs"; \
	    else echo "$$f: made, $$(grep -c 'run	na$$' $P/experiment.tsv) of $$(grep -vc '^#\|^cell' $P/experiment.tsv) cells in it"; fi; done
stale: $B/status
	@$(foreach r,$(RUNS),$< --stale --sources $(COMPUTED_BY) $(call run_args,$(r:$P/runs/%=%));)
help:
	@sed -n 's/^#: //p' Makefile
clean:
	rm -rf out/bin* out/obj out/demo
clean-all:
	rm -rf out

# ---- 9. Tests -----------------------------------------------------------------------------------
# GOLDEN=DIR checks the goldens of another seed; MODE=asan runs the same under the sanitizers. Where
# nvcc is, the kernels are compiled though no GPU may be there. The last line is the count.
SCRIPTS  = $(addprefix tests/,floors.sh make.sh cli.sh cell.sh gpu_train.sh own.sh export.sh bench.sh bundle.sh fuzz.sh hostile.sh convert_cli.sh \
             fetch_cli.sh fetch_nginx.sh hardware.sh)
# One after another; the first two work on out/demo.
LONG     = $(addprefix tests/,twice.sh faults.sh torture.sh)
# What is of the GPU runs emulated; where there is one, on it too.
GPU_TESTS = $(if $(CUDNN_H),$(filter gpu_%,$(TESTS)))
ON_GPU   = $(filter gpu_% emu_%,$(TESTS))
ON_HOST  = $(filter-out $(ON_GPU),$(TESTS))
# The longest first, so that none runs alone at the end.
SLOWEST  = %/train_keys_test %/train_test %/cell.sh %/fuzz.sh %/bench.sh %/gpu_train.sh %/gpu_model_test
ordered  = $(filter $(SLOWEST),$(1)) $(filter-out $(SLOWEST),$(1))
checked  = $(ON_HOST:%=$B/%) $(ON_GPU:%=out/bin-emu/%)
needed   = $(TOOLS:%=$B/%) $(FUZZERS:%=out/bin-fuzz/%) out/bin-emu/bench_gpu out/bin-emu/train out/bin-emu/eval out/bundle/run $(if $(on_gpu),$(GPU_TESTS:%=$B/%)) $(call objects,$(MODE),$(if $(NVCC),$(CU)))
test: $(checked) $(needed)
	@GOLDEN=$(GOLDEN) BIN=$B FUZZ_SECONDS=1 tests/run.sh $(call ordered,$(checked) $(SCRIPTS))
# What reads foreign bytes; what is to stand the world failing.
READERS  = fetch h5 pack table weave weights
TORTURED = bag fetch h5 pack sources split weights
# The same under the sanitizers too, longer fuzzing, more hostile inputs, the demo twice, faults; and the
# emulated kernels without one barrier each.
test-all: $(checked) $(ON_HOST:%=out/bin-asan/%) $(needed) $(sort $(READERS:%=out/bin-asan/%) $(TORTURED:%=out/bin-asan/%))
	@$(MAKE) --no-print-directory mutate MUTATE='\ttaken out\t'
	@GOLDEN=$(GOLDEN) BIN=$B FUZZ_SECONDS=20 HOSTILE="0 1 2" SANITIZED=out/bin-asan \
	    tests/run.sh $(call ordered,$(ON_HOST:%=out/bin-asan/%) $(checked) $(SCRIPTS)) -- $(LONG)

# The GPU's tests on the GPU that is here; and all of it to be carried to a machine that has one, without a
# compiler (out/bundle/run --help).
test-gpu: $(GPU_TESTS:%=$B/%) $(TOOLS:%=$B/%)
	@GOLDEN=$(GOLDEN) BIN=$B tests/gpu.sh $(GPU_TESTS:%=$B/%)
BUNDLED_TESTS = core_bag_test core_rng_test model_test model_layers_test model_golden_test model_cpu_test model_plan_file_test
BUNDLED       = $(GPU_TESTS) $(BUNDLED_TESTS) bag bench_gpu eval graph pack phantom predict split train weights
bundle: out/bundle/run
out/bundle/run: tests/bundle/pack.sh tests/bundle/run $(BUNDLED:%=$B/%) $(wildcard tests/golden/data/* tests/*.sh tests/peer/*.py)
	tests/bundle/pack.sh $(@D) '$(BUNDLED_TESTS)' $(BUNDLED:%=$B/%)

# Hostile inputs. SEED varies sizes, offsets, names, values.
hostile: $B/hostile $(READERS:%=$B/%) $(READERS:%=out/bin-asan/%)
	@BIN=$B HOSTILE='$(or $(SEED),0)' SANITIZED=out/bin-asan tests/hostile.sh

# Every call for memory and of the disk that these make, failing in turn.
torture: $B/hostile $B/phantom $(TORTURED:%=$B/%) $(TORTURED:%=out/bin-asan/%)
	@BIN=$B SANITIZED=out/bin-asan tests/torture.sh

# Tests that reach these rooms, with branches counted (gcov); below 90 of 100 in one of them is a failure.
# Tools that know the model run as they are.
COUNTED  = core fetch convert
coverage: $(addprefix out/bin-cov/,$(foreach r,$(COUNTED),$(filter $r_%,$(TESTS))) \
        $(foreach t,$(TOOLS),$(if $(filter $(COUNTED) report tests tests/hostile,$(call home,$t)),$t))) $(TOOLS:%=out/bin/%)
	@tests/coverage.sh $(COUNTED) -- $(foreach r,$(COUNTED),$(patsubst %,out/bin-cov/%,$(filter $r_%,$(TESTS))))

# Fuzzing for longer (FUZZ_SECONDS each, FUZZ="bag zip" alone), keeping what is found in out/fuzz;
# how much of its parser each target reaches with it.
fuzz: $(FUZZERS:%=out/bin-fuzz/%) $B/hostile
	@BIN=$B FUZZERS='$(FUZZ)' CORPUS=out/fuzz FUZZ_SECONDS=$(or $(FUZZ_SECONDS),60) tests/fuzz.sh
fuzz-reach: $(FUZZERS:%=out/bin-cov/%) $B/hostile
	@BIN=$B CORPUS=out/fuzz tests/fuzz/reach.sh

# A bug planted in each reader, in a copy of the sources: found, or the target is worth nothing.
fuzz-proof: $(FUZZERS:%=out/bin-fuzz/%) $B/hostile
	@BIN=$B PLANTS='$(FUZZ)' tests/fuzz/plant.sh

# One fault at a time in the kernels: some test must catch it. MUTATE=REGEX: only such (edge, adam.cu, ...).
QUICK   = gpu_step_test gpu_ops_test gpu_attention_test gpu_fusion_test
mutate: $(ON_GPU:%=out/bin-emu/%)
	@COMPILE='$(CXX_emu) $(WATCHED_emu)' LINK='$(call link,emu)' PROGRAMS='$(QUICK) $(filter-out $(QUICK),$(ON_GPU))' \
	    LIBS='-Wl,--start-group $(call archives,emu,tests model core) -Wl,--end-group $(LIBS_tests) $(LIBS_model) $(LIBS_core)' \
	    tests/emu/mutate.sh

# Us and PyTorch in turn, in the same minutes; nothing else should run.
PEER_PYTHON ?= $(wildcard .oracle/bin/python)
bench: $B/bench
	$B/bench $(addprefix --peer ,$(PEER_PYTHON)) $(if $(filter required,$(PEER)),--required) tests/peer/peer.py out/bench.tsv
# The same on a GPU; nothing is fetched or installed. BENCH narrows it: BENCH="--only 'train resnet50'".
bench-gpu: $B/bench_gpu $B/train
	$B/bench_gpu $(addprefix --peer ,$(PEER_PYTHON)) $(if $(filter required,$(PEER)),--required) $(BENCH) \
	    tests/peer/peer.py out/bench-gpu.tsv
# How far machines and precisions are from each other on the demo's cells, beside bounds set before: half an
# hour. Where there is no GPU an emulated one takes its place.
tolerance: $(foreach b,train tolerance,$B/$b) $(if $(on_gpu),,out/bin-emu/tolerance) $(PACKS) $(SPLITS) $(WEIGHTS)
	@BIN=$B P=$P RECIPE=$(RECIPE) GPU='$(on_gpu)' CELLS='$(CELLS)' tests/peer/tolerance.sh
# What our readers accept of fuzzers' seeds, of what was found from them and of hostile files, others'
# readers must accept too, with the same values.
differential: $B/accept $B/h5 $B/hostile
	@BIN=$B PEER_PYTHON=$(PEER_PYTHON) CORPUS=out/fuzz tests/peer/differential.sh
# What packing and converting must reach, and whether they do. All of SUN-SEG: FRAMES=49136, 40 GB of disk.
ROUNDS ?= 7
FRAMES ?= 2000
bench-sources: $(foreach b,pack frames h5 weights,$B/$b)
	$(or $(PEER_PYTHON),python3) tests/peer/sources.py --rounds $(ROUNDS) --frames $(FRAMES) $(firstword $(MIRROR))
oracle:
	python3 -m venv .oracle
	.oracle/bin/pip install -r tests/peer/requirements.txt

FORCE:
.PHONY: FORCE help tools deps doctor doctor-weights status stale test test-all hostile torture coverage fuzz fuzz-reach fuzz-proof differential bench bench-sources oracle clean clean-all all strict demo table1 cell cross sources bench-gpu test-gpu bundle tolerance mutate
