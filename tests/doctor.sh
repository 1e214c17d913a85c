#!/bin/bash
# doctor.sh - what this machine has, in plain words: for each thing that is missing, what its lack
# costs and what to do. It changes nothing and asks no network.
#   usage, from the root of the sources: make doctor [PROFILE=demo] [MIRROR="DIR..."]
# make gives: CC NVCC PEER_PYTHON PROFILE SOURCES (folder of .src) WANTED RAW (folder) MIRROR CUDNN_DIR
set -u
PATH=$PATH:/usr/local/cuda/bin

have() { printf '  %-20s %s\n' "$1" "$2"; }
lack() { printf '  %-20s missing: %s\n  %-20s   -> %s\n' "$1" "$2" '' "$3"; }
program() { # name, costs, remedy, command that prints its version
    local line
    if command -v "$1" >/dev/null && line=$("${@:4}" 2>&1 </dev/null | grep -m1 .); then
        have "$1" "$line"
    else
        lack "$1" "$2" "$3"
    fi
}
package() { # name, pkg-config name, costs
    local version
    if version=$(pkg-config --modversion "$2" 2>/dev/null); then
        have "$1" "$version"
    else
        lack "$1" "$3" 'make deps'
    fi
}
key() { sed -n "s/^$1 //p" "$2"; }

echo 'Programs'
program "${CC:-cc}" 'nothing can be compiled' 'make deps' "${CC:-cc}" --version
program gnuplot 'no curves, no bar chart' 'make deps' gnuplot --version
program pkg-config 'this page cannot tell versions of libraries' 'make deps' pkg-config --version
program pandoc 'no paper.html, no paper.pdf' 'make deps' pandoc --version
program pdflatex 'no paper.pdf' 'make deps' pdflatex --version
program clang 'fuzz targets run without libFuzzer, blind for coverage' 'apt-get install clang' clang --version

echo 'Libraries'
package OpenBLAS openblas 'the cpu machine cannot be compiled'
package libarchive libarchive 'no data set can be read'
package liblzma liblzma 'no .tar.xz can be read'
package HDF5 hdf5-serial 'no Keras checkpoint (.h5) can be read'
package libcurl libcurl 'nothing can be fetched'
package libcrypto libcrypto 'no file can be verified'
package jansson jansson 'no bag can be read or written'
package libjpeg libjpeg 'no JPEG can be read'
package libpng libpng 'no PNG can be read or written'
package libtiff libtiff-4 'no TIFF can be read'
package zlib zlib 'no compressed member can be read'
package cmocka cmocka 'make test cannot run'
package libzip libzip 'make test cannot run'

echo 'Processor and memory'
model=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1)
have processor "${model:-unknown}, $(nproc) threads for us"
flags=" $(sed -n 's/^flags[^:]*: //p' /proc/cpuinfo | head -1) "
vectors=
for f in sse4_2 avx2 fma avx512f avx512_bf16 amx_bf16; do
    case $flags in *" $f "*) vectors="$vectors $f" ;; esac
done
case $vectors in
*avx2*) have vectors "${vectors# }" ;;
*) lack vectors "AVX2 (found:${vectors:- none}): training takes several times as long" 'another machine' ;;
esac
memory=$(($(sed -n 's/^MemAvailable: *\([0-9]*\).*/\1/p' /proc/meminfo) / 1024))
if [ $memory -ge 4096 ]; then
    have memory "$memory MB free; a ResNet-50 at the paper's batch wants up to 4096"
else
    lack memory "$memory MB free, a ResNet-50 at the paper's batch wants up to 4096" \
        'close programs; the demo wants 1500'
fi

echo 'Safety'
if kept=$(out/bin/pack --version 2>/dev/null | sed -n 's/^sandbox: //p') && [ -n "$kept" ]; then
    case $kept in
    'Landlock and seccomp') have sandbox "$kept: parsers of downloads reach their own files only" ;;
    *) lack sandbox "$kept; a taken-over parser could reach what you can" 'a kernel from 5.13 on with Landlock' ;;
    esac
else
    lack sandbox 'not known before the tools are compiled' 'make tools'
fi

echo 'GPU'
# One line a device; the driver says up to which CUDA it goes.
if gpus=$(nvidia-smi --query-gpu=index,name,compute_cap,memory.total,memory.used,driver_version \
    --format=csv,noheader 2>/dev/null) && [ -n "$gpus" ]; then
    cuda=$(nvidia-smi 2>/dev/null | sed -n 's/.*CUDA Version: *\([0-9.]*\).*/\1/p' | head -1)
    while IFS=, read -r index name capability memory used driver; do
        what="${name# }, capability${capability}, ${memory# }, ${used# } used, driver${driver}"
        case ${capability# } in
        [0-6].* | 7.[0-4])
            lack "GPU $index" "$what: older than 7.5 (Turing): cells train on the processor" 'a newer GPU' ;;
        *) have "GPU $index" "$what${cuda:+ for CUDA up to $cuda}" ;;
        esac
    done <<<"$gpus"
else
    lack GPU 'no NVIDIA driver or device: paper cells take hours to days each on the processor' \
        'a machine with an NVIDIA GPU and driver'
fi
if [ -n "${NVCC:-}" ] && line=$("$NVCC" --version 2>/dev/null | grep release); then
    have nvcc "$line ($NVCC)"
else
    lack nvcc 'the tools are compiled without a GPU machine; cells train on the processor' 'the CUDA toolkit, 13'
fi
# What compiling finds; CUDNN_DIR= names another place.
cudnn=$(ls ${CUDNN_DIR:+"$CUDNN_DIR"/include/cudnn_version.h} /usr/local/cuda/include/cudnn_version.h \
    /usr/include/cudnn_version.h /usr/include/*/cudnn_version.h 2>/dev/null | head -1)
if [ -n "$cudnn" ]; then
    have 'cuDNN, headers' "$(sed -n 's/^#define CUDNN_\(MAJOR\|MINOR\|PATCHLEVEL\) //p' "$cudnn" | paste -sd .) ($cudnn)"
else
    lack 'cuDNN, headers' 'the tools are compiled without a GPU machine' 'cuDNN 9, or CUDNN_DIR=where it is'
fi
# What the tools find when they run: the file's own name tells the version.
if libraries=$(ldd out/bin/train 2>/dev/null | grep -E 'lib(cudart|cublasLt|cudnn)\.so'); then
    while read -r name _ path _; do
        if [ -e "$path" ]; then
            file=$(readlink -f "$path")
            have "${name%%.so*}" "${file##*.so.} ($path)"
        else
            lack "${name%%.so*}" "$name is not found: the tools do not start" \
                'its folder into LD_LIBRARY_PATH, or make tools again here'
        fi
    done <<<"$libraries"
elif [ -e out/bin/train ]; then
    lack 'CUDA in the tools' 'they were compiled without it: cells train on the processor' 'CUDA and cuDNN, then make tools'
else
    lack 'CUDA in the tools' 'not known before they are compiled' 'make tools'
fi

# Measured once, in MB: raw, packs, weights, runs, tools of the demo; 150 KB a picture of 224 pixels
# in a pack; 165 a ResNet-50, 484 with its moments while it trains.
echo "Disk, profile ${PROFILE:-paper}"
free=$(df -Pm . | sed -n '2s/^[^ ]* *[0-9]* *[0-9]* *\([0-9]*\).*/\1/p')
if [ "${PROFILE:-paper}" = demo ]; then
    wanted=2500 what='made-up data, twelve models, the tools'
else
    wanted=4000 what='tools, packs of the small sets, models'
    for name in $WANTED; do
        bytes=$(key bytes "$SOURCES/$name.src" 2>/dev/null)
        case $bytes in '' | *[!0-9]*) ;; *) wanted=$((wanted + bytes / 1000000)) ;; esac
        case $name in sun-frames*) wanted=$((wanted + 15000)) ;; sun-masks) what="$what, SUN-SEG" ;; esac
    done
fi
if [ "$free" -ge $wanted ]; then
    have disk "$free MB free, about $wanted wanted ($what)"
else
    lack disk "$free MB free, about $wanted wanted ($what)" 'another disk: make out a link to it'
fi
if [ -w . ]; then have writing 'allowed here'; else lack writing 'no permission in this folder' 'chmod, or copy the sources'; fi

echo "Sources, profile ${PROFILE:-paper}"
for name in $WANTED; do
    src=$SOURCES/$name.src
    if [ -e "$RAW/$name" ]; then
        have "$name" "fetched: $(du -hL "$RAW/$name" | cut -f1)"
        continue
    fi
    if [ ! -e "$src" ]; then
        [ "${PROFILE:-paper}" = demo ] && have "$name" 'will be made up' ||
            lack "$name" "no $src: its cells cannot run" 'write one, see README.md'
        continue
    fi
    found=
    for folder in $MIRROR; do
        for file in $(key file "$src"); do [ ! -e "$folder/$file" ] || found=$folder/$file; done
    done
    if [ -n "$found" ]; then
        have "$name" "in the mirror: $found"
    elif [ -n "$(key url "$src")" ]; then
        have "$name" "to be downloaded: $(key url "$src" | head -1)"
    else
        lack "$name" 'by request only; its cells stand in the table as not run' "$(key manual "$src" | head -1)"
    fi
done

echo 'Peer for make bench (not needed for anything else)'
python=${PEER_PYTHON:-.oracle/bin/python}
if line=$("$python" -c 'import torch, torchvision, timm; print("torch", torch.__version__, "timm", timm.__version__)' 2>/dev/null); then
    have python "$python: $line"
else
    lack python 'make bench times us alone' 'make oracle, or PEER_PYTHON=a python with torch, torchvision, timm'
fi
exit 0
