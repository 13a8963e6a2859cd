# make               the trainer, ./train
# make REAL=double   the same sources in double, build/double/train
# make check         every quick test; make check-full adds sanitizers, clang and the long tests
# make bench         speed of every workload, topology and norm (QUICK=1, THREADS="1 2", PARTS=tables), for docs/performance.md
# make fuzz          build/fuzz/fuzz_* from tests/fuzz/, for scripts/fuzz.sh
# make oracle        writes tests/oracle/fixtures.bin anew with PyTorch (scripts/install-packages.sh oracle)
# make install       PREFIX=/usr/local, DESTDIR= for packagers; make uninstall takes it back
# make faults        the tools that tests/fault/fault_*.sh break runs with
# make clean
#
# Options: REAL=float|double  CC=gcc|clang  SANITIZE=1  NATIVE=1 (-march=native)  WERROR=1
#          AVX512=0 (no kernels for it: what a processor without it runs)
# Each combination builds in a folder of its own, so they never mix.

REAL     ?= float
PREFIX   ?= /usr/local
CC       := $(if $(filter default,$(origin CC)),gcc,$(CC))
MARCH    := $(if $(NATIVE),native,x86-64-v3)
BUILD    := build/$(REAL)$(if $(filter gcc,$(CC)),,-$(CC))$(if $(SANITIZE),-sanitize)$(if $(NATIVE),-native)$(if $(filter 0,$(AVX512)),-avx2)
BLASDIR  := $(shell pkg-config --variable=libdir openblas)

# gnu11: stb_ds needs typeof, and c11 would switch fused multiply-add off (-ffp-contract).
# -fno-math-errno and -fno-trapping-math (nothing here reads errno or the exception flags) let sqrt
# and comparisons vectorise; never -ffast-math: isfinite() must work.
# -Wmissing-field-initializers is off because tables name only the fields they set;
# -Wno-pass-failed: clang 14 does not vectorise a max reduction, which costs time, not correctness;
# -Wsign-conversion is off because BLAS sizes are int and ours are size_t, checked once at planning.
CFLAGS   ?= -O3 -g
PERI_CFLAGS = -std=gnu11 -march=$(MARCH) -fopenmp -fno-math-errno -fno-trapping-math -ffp-contract=fast \
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion \
    -Wno-missing-field-initializers $(if $(findstring clang,$(CC)),-Wno-pass-failed) $(if $(WERROR),-Werror) \
    -I. $(patsubst -I%,-isystem %,$(shell pkg-config --cflags openblas libcjson)) -isystem /usr/include/stb \
    $(if $(filter double,$(REAL)),-DREAL_DOUBLE) $(if $(filter 0,$(AVX512)),-DNO_AVX512) \
    $(if $(SANITIZE),-fsanitize=address$(comma)undefined -fno-omit-frame-pointer) \
    $(if $(FUZZ),-fsanitize=fuzzer-no-link$(comma)address$(comma)undefined -fno-sanitize-recover=all) \
    -DBUILD_FLAGS='"$(CC) $(CFLAGS) -march=$(MARCH) REAL=$(REAL)"'
comma := ,
# RPATH, not RUNPATH: the loader's default libopenblas is the pthread flavour, 3.5 times slower here.
# -fopenmp stands before -lopenblas: program and library must share one OpenMP runtime, and under
# clang that is libomp, which also answers to the names that OpenBLAS asks libgomp for.
PERI_LDFLAGS = -L$(BLASDIR) -Wl,--disable-new-dtags -Wl,-rpath,$(BLASDIR) \
    $(if $(SANITIZE),-fsanitize=address$(comma)undefined)
LDLIBS   := -fopenmp -lopenblas -lcjson -lm

# Every folder of the library, lowest first (docs/code.md).
ROOMS    := base ops/cpu data norm model \
    $(addprefix run/,io optim config log store train commands)
SOURCES  := $(sort $(wildcard $(ROOMS:%=%/*.c)))
OBJECTS  := $(SOURCES:%.c=$(BUILD)/%.o)
TESTS    := $(sort $(wildcard tests/unit/test_*.c)) $(if $(filter double,$(REAL)),$(sort $(wildcard tests/grad/grad_*.c)))
TESTBINS := $(TESTS:%.c=$(BUILD)/%)

$(if $(filter float double,$(REAL)),,$(error REAL must be float or double, not "$(REAL)"))
$(if $(BLASDIR),,$(error OpenBLAS not found: apt-get install libopenblas-openmp-dev libcjson-dev libstb-dev pkg-config, or run scripts/quickstart.sh))

all: $(BUILD)/train $(if $(filter build/float,$(BUILD)),train)

train: $(BUILD)/train
	cp $< $@

$(BUILD)/train: $(BUILD)/train.o $(BUILD)/libperi.a
	$(CC) $(CFLAGS) $(PERI_CFLAGS) $(PERI_LDFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/libperi.a: $(OBJECTS)
	$(if $(FUZZ),objcopy $(FUZZ_OWN:%=--weaken-symbol=%) $(BUILD)/base/base.o)
	rm -f $@ && ar rcs $@ $^

$(BUILD)/tests/%: $(BUILD)/tests/%.o $(BUILD)/libperi.a
	$(CC) $(CFLAGS) $(PERI_CFLAGS) $(PERI_LDFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(PERI_CFLAGS) -MMD -MP -c -o $@ $<

# At any level of the rest: without -O3 their tiles do not live in registers, and cost 16 times as much.
$(BUILD)/ops/cpu/cpu_gemm_avx2.o $(BUILD)/ops/cpu/cpu_gemm_avx512.o: PERI_CFLAGS += -O3

tests: $(TESTBINS)

# Tools of the fault tests: plain C of their own, they share nothing with the program.
FAULT_CFLAGS = $(CFLAGS) -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Wpedantic -Wshadow -Wconversion \
    -Wno-sign-conversion $(if $(WERROR),-Werror) -I. -isystem /usr/include/stb
FAULT_HEADERS := $(wildcard tests/fault/*.h)

faults: $(addprefix build/fault/,fault powerloss strike state alloc.so)
build/fault/fault: $(addprefix tests/fault/,fault.c tracee.c record.c sentence.c)
build/fault/powerloss: $(addprefix tests/fault/,powerloss.c disk.c sentence.c)
build/fault/state: $(addprefix tests/fault/,state.c sentence.c)
build/fault/strike: $(addprefix tests/fault/,strike.c sentence.c)
build/fault/alloc.so: tests/fault/alloc.c
build/fault/%: $(FAULT_HEADERS) Makefile
	@mkdir -p $(@D)
	$(CC) $(FAULT_CFLAGS) $(if $(filter %.so,$@),-shared -fPIC) -o $@ $(filter %.c,$^)

check:
	scripts/check.sh

check-full:
	scripts/check.sh --full

bench: train build/float/tests/bench/bench_norm build/float/tests/bench/bench_pairs
	scripts/bench.sh $(if $(QUICK),--quick) $(PARTS)

# Fuzz targets, a file each, built in a folder of their own. tests/fuzz/fuzz.h brings its own die()
# and allocator: the library's are made weak, so that they give way.
FUZZERS  := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_OWN := die mem_alloc mem_free mem_realloc

fuzz:
	+$(MAKE) FUZZ=1 CC=clang REAL=float CFLAGS="-O1 -g" BUILD=build/fuzz $(FUZZERS:%=build/fuzz/%)

build/fuzz/fuzz_%: build/fuzz/tests/fuzz/fuzz_%.o build/fuzz/libperi.a
	$(CC) $(CFLAGS) $(PERI_CFLAGS) $(PERI_LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(LDLIBS)

# Answers of the PyTorch model in tests/oracle/, which test_oracle reads; needs python3-torch.
oracle:
	OMP_NUM_THREADS=1 /usr/bin/python3 -B tests/oracle/oracle.py
.PHONY: oracle

# What stands below PREFIX afterwards: the program, its pages, and in share/peri/ the configs and the
# scripts for runs.
ROOT       = $(DESTDIR)$(PREFIX)
PROGRAM    = $(ROOT)/bin/peri-train
PAGE       = $(ROOT)/share/man/man1/peri-train.1
COMPLETION = $(ROOT)/share/bash-completion/completions/peri-train
SHARED    := $(wildcard configs/*.json sweeps/*.json $(addprefix scripts/,plot.sh sweep.sh report.sh usage.sh sweep/* report/*.*))
SHARE      = $(ROOT)/share/peri

install: train
	install -d $(dir $(PROGRAM) $(PAGE) $(COMPLETION) $(SHARED:%=$(SHARE)/%))
	install -m 755 train $(PROGRAM)
	./train --print-man >$(PAGE)
	./train --print-completion >$(COMPLETION)
	cp --parents $(SHARED) $(SHARE)
	chmod -R u=rwX,go=rX $(PAGE) $(COMPLETION) $(SHARE)

# These files alone; of the folders, those of share/peri/ that are empty then.
uninstall:
	rm -f $(PROGRAM) $(PAGE) $(COMPLETION) $(SHARED:%=$(SHARE)/%)
	[ ! -d $(SHARE) ] || find $(SHARE) -depth -type d -empty -delete

clean:
	rm -rf build train

.PHONY: all tests faults check check-full bench fuzz install uninstall clean
.SECONDARY:
-include $(shell find build -name '*.d' 2>/dev/null)
