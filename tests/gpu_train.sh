#!/bin/bash
# gpu_train.sh - whole runs on a GPU by the tools as they are typed: the same bytes twice and side by side;
# one run that is killed, stopped, thrown off a lost device, its plan file spoilt on the way, to the same
# bytes; which device a process gets; devices that will not do. Where there is no GPU the tools of MODE=emu
# run (GPU_BIN=out/bin-emu), whose device can be lost, old or doubled; on a real one (GPU_BIN=out/bin) what
# only the emulator can play is left out.
. tests/tap.sh
gpu=$root/${GPU_BIN:-out/bin-emu}
cd "$here" || exit 1
export TMPDIR=$here EMU_WATCH=0 # gpu_*_test watch every access; here the emulator need only be quick

"$bin/phantom" cvc sources >.said 2>&1 || explain .said
mkdir conf
sed 's/^size .*/size 32/; s/^groups .*/groups none/' "$root/convert/demo/cvc.conf" >conf/cvc.conf
sed /^groups/d sources/cvc.src >sources/small.src
ok 'pictures of 32 pixels are packed' "$bin/pack" conf/cvc.conf sources/small.src \
    "sources/web/$(sed -n 's/^file //p' sources/cvc.src)" cvc.bag
"$bin/split" random 0 cvc.bag all.tsv >.said 2>&1 || explain .said
awk 'NR == 1 || ($3 == "train" && ++t <= 5) || ($3 == "val" && ++v <= 2)' all.tsv >few.tsv
sets='batch=3 epochs=3 freeze=encoder decoder.width=16 augment=flips precision=fp16 checkpoint_seconds=1'
command=("$gpu/train" --plans plans.bag $(printf -- '--set %s ' $sets))
inputs=(vitt-random-cvc "$root/train/demo.conf" cvc.bag few.tsv none)
train() { # OUTDIR OPTION...
    "${command[@]}" --device gpu "${@:2}" "${inputs[@]}" "$1"
}
same() { cmp "$1/model.bag" "$2/model.bag" && cmp "$1/log.tsv" "$2/log.tsv" && cmp "$1/run.tsv" "$2/run.tsv"; }
plans() { sed -n 's/^plans\t//p' "$1/run.tsv"; }

# ---- the same bytes ----
ok 'a cell is trained, each epoch with a short last batch' train one
ok "its record holds the plans' sha256" grep -qE '^plans	[0-9a-f]{64}$' one/run.tsv
EMU_SEED=5 train two >.two 2>&1 &
ok 'a second process on the same GPU does not disturb' train three
wait $!
ok 'nor is it disturbed, whatever threads go first: model, log and record are the same bytes' same one two
ok 'as are those of the one beside it' same one three
ok 'the model is scored on the GPU' "$gpu/eval" --device gpu --plans plans.bag vitt-random-cvc one/model.bag \
    cvc.bag few.tsv gpu.tsv

# ---- one run, disturbed ----
# stopped SIGNAL STATUS: the run goes on from its checkpoint, beside another GPU's plan file, and is sent
# the signal a moment after it has told of that.
stopped() {
    local status pid
    sed 's/emulated GPU/emulated GPX/' good.bag >plans.bag
    "${command[@]}" --device gpu "${inputs[@]}" chain >.said 2>.cried &
    pid=$!
    while kill -0 $pid 2>/dev/null && ! grep -q 'found emulated GPX' .cried; do sleep .02; done
    sleep .2
    kill "-$1" $pid
    wait $pid
    status=$?
    verdict $((status != $2)) "SIG$1 in mid-run: it ends with status $2"
    [ $status = "$2" ] || explain .cried
    ok "SIG$1: the checkpoint stands, a record does not" test -e chain/resume.bag -a ! -e chain/run.tsv
}
if [[ $gpu = *-emu ]]; then
    cp plans.bag good.bag
    dies 3 'run the same command' 'a run is stopped in mid-epoch' train chain --stop-after 1
    stopped KILL 137
    rm plans.bag
    EMU_WAY=0 dies 1 'its plans is' 'a checkpoint of other plans is refused' train chain
    head -c 100 /dev/urandom >plans.bag
    dies 3 'run the same command' 'beside a corrupted plan file it goes on, and is stopped' train chain --stop-after 1
    ok 'and says once that plans are chosen anew' test "$(grep -c 'the plans are chosen anew' .cried)" = 1
    ok 'into the same file as before' cmp plans.bag good.bag
    cp chain/resume.bag last.bag
    EMU_LOSE=60 dies 3 'the device was lost (Xid)' 'a device that is lost in mid-epoch is told' train chain
    ok 'the last checkpoint is untouched' cmp chain/resume.bag last.bag
    stopped TERM 3
    ok "another GPU's plan file is told" grep -q 'found emulated GPX, wanted those for emulated GPU' .cried
    ok 'in the end it has the bytes of a run in one go' bash -c "$(declare -f same train); $(declare -p command inputs)
        train chain && same one chain"
fi

# ---- which device ----
# taken FILE: a process has locked it. Asked without locking, which would get in the way.
taken() { grep -q ":$(stat -c %i "repolyp-GPU-emulated-$1" 2>/dev/null || echo none) " /proc/locks; }
# hold DEVICE PLACE: as a process that shares the device does.
hold() {
    (exec 8>"repolyp-GPU-emulated-$1" 9>"repolyp-GPU-emulated-$1.$2" && flock -s 8 && flock 9 &&
        exec sleep 300) >/dev/null 2>&1 &
    holder[$1]=$!
    until taken "$1.$2"; do sleep .02; done
}
if [[ $gpu = *-emu ]]; then
    export EMU_DEVICES=2
    hold 0 0
    hold 1 0
    EMU_MEMORY=26000000000 dies 3 'run the same command' 'a second place on a GPU with memory for two is taken' \
        train second --device gpu:x2 --stop-after 1
    for wish in gpu:x1 gpu:x2; do # of 16 GB
        "${command[@]}" --device $wish "${inputs[@]}" waiting >.said 2>.cried &
        pid=$!
        while kill -0 $pid 2>/dev/null && ! grep -q 'waiting for a free GPU' .cried; do sleep .02; done
        ok "$wish: where there is no place a process waits, and says so" grep -q 'free GPU (2, ' .cried
        kill -INT $pid
        wait $pid
        ok "$wish: interrupted while it waits it ends with status 3" test $? = 3
    done
    ok 'and says that it waited' grep -q 'interrupted while waiting' .cried
    kill "${holder[1]}"
    wait "${holder[1]}" 2>/dev/null
    "${command[@]}" --device auto:0,1x1 "${inputs[@]}" waiting >.said 2>.cried &
    pid=$!
    while kill -0 $pid 2>/dev/null && ! taken 1; do sleep .02; done
    ok 'the free one is taken' taken 1
    kill -TERM $pid
    wait $pid
    ok 'for as long as the process lives' bash -c "$(declare -f taken); ! taken 1"
    kill "${holder[0]}"
    wait "${holder[0]}" 2>/dev/null
    for k in 0 1; do
        "${command[@]}" --device gpu:x1 "${inputs[@]}" beside$k >.said$k 2>.cried$k &
        beside[k]=$!
        until taken $k || ! kill -0 ${beside[k]} 2>/dev/null; do sleep .02; done
    done
    ok 'two runs, two GPUs: each has one' bash -c "$(declare -f taken); taken 0 && taken 1 &&
        kill -0 ${beside[0]} && kill -0 ${beside[1]}"
    kill -TERM "${beside[@]}"
    wait "${beside[@]}"
    unset EMU_DEVICES
    EMU_CAPABILITY=70 dies 3 'compute capability 7.0, 7.5 or more is wanted' 'a GPU older than Turing is refused' train old
    EMU_DEVICES=0 dies 3 'no CUDA device; use --device cpu' 'no GPU: what was asked for is not run elsewhere' train none
    EMU_DEVICES=0 dies 3 'no gpu (no CUDA device); using cpu' 'auto says that it takes the processor' train auto \
        --device auto --stop-after 1
    EMU_MEMORY=50000000 dies 3 'MB are free' 'too little memory: how much is wanted and free' train small
fi
dies 3 'there is no device 9' 'a GPU that is not there' train far --device gpu:9
dies 2 'wanted gpu, gpu:1' 'a wish that cannot be read' train wish --device gpu:first

# A driver that is too old: a stand-in for NVIDIA's library, seen by the real program. Where
# GPUs are tested without a compiler (the bundle) there is none.
if ! ldd "$bin/train" 2>/dev/null | grep -q libcudart; then
    skip 'a driver that is too old' 'needs a program built with CUDA'
elif [[ $gpu = *-emu ]] || command -v "${CC:-cc}" >.said; then
    mkdir driver
    echo 'int cuDriverGetVersion(int *v) { *v = 11040; return 0; }' >driver.c
    "${CC:-cc}" -shared -fPIC -o driver/libcuda.so.1 driver.c
    driver() { LD_LIBRARY_PATH=$here/driver${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} "$bin/train" --device gpu "${inputs[@]}" "$1"; }
    dies 3 'the NVIDIA driver is for CUDA 11.4' 'a driver that is too old is told, and which is wanted' driver older
fi

# What doctor says of a GPU, by a stand-in for nvidia-smi.
mkdir smi
cat >smi/nvidia-smi <<'SMI'
#!/bin/bash
case "$*" in
*query*) echo '0, NVIDIA H100 80GB HBM3, 9.0, 81559 MiB, 3 MiB, 580.65.06'
         echo '1, Tesla P100-PCIE-16GB, 6.0, 16384 MiB, 0 MiB, 580.65.06' ;;
*) echo '| NVIDIA-SMI 580.65.06   Driver Version: 580.65.06   CUDA Version: 13.0     |' ;;
esac
SMI
chmod +x smi/nvidia-smi
cd "$root" || exit 1
PATH=$here/smi:$PATH PROFILE=demo WANTED= tests/doctor.sh >"$here/doctor" 2>&1
ok 'doctor names a GPU, its memory, driver and CUDA' grep -qF \
    'NVIDIA H100 80GB HBM3, capability 9.0, 81559 MiB, 3 MiB used, driver 580.65.06 for CUDA up to 13.0' "$here/doctor"
ok 'and says which is too old' grep -q 'P100.*older than 7.5' "$here/doctor"
finish
