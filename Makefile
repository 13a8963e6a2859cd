# make               the trainer, ./train
# make REAL=double   the same sources in double, build/double/train
# make check         the quick tests; make check-full adds sanitizers, clang and the long tests
# make bench         speed of every workload, topology and norm (QUICK=1, THREADS="1 2", PARTS=tables); PARTS=compared: PyTorch
# make fuzz          build/fuzz/fuzz_* from tests/fuzz/, for scripts/fuzz.sh
# make oracle        computes tests/oracle/fixtures.bin again with PyTorch (scripts/install-packages.sh oracle)
# make install       PREFIX=/usr/local, DESTDIR= for packagers; make uninstall removes the files again
# make dist          peri-VERSION.tar.gz, the tracked files of the current commit
# make faults        the fault injection tools of tests/fault/fault_*.sh
# make clean
#
# Options: REAL=float|double  CC=gcc|clang|"ccache gcc"|/usr/bin/gcc-12  SANITIZE=1  NATIVE=1 (-march=native)
#          WERROR=1  AVX512=0 (without AVX-512 kernels, as on a processor that does not have it)
#          CC=aarch64-linux-gnu-gcc (for another processor; scripts/install-packages.sh aarch64)  SYSROOT=FOLDER
# Each combination has its own build folder; a float build by gcc for this processor, without SANITIZE, NATIVE and
# AVX512=0, makes ./train.
# If other options change, such as CFLAGS, make builds everything again.

REAL     ?= float
PREFIX   ?= /usr/local
CC       := $(if $(filter default,$(origin CC)),gcc,$(CC))
HOST     := $(shell uname -m)
TARGET   := $(or $(shell $(CC) -dumpmachine 2>/dev/null),$(HOST))
ARCH     := $(firstword $(subst -, ,$(TARGET)))
CROSS    := $(filter-out $(HOST),$(ARCH))
COMPILER := $(patsubst $(TARGET)-%,%,$(notdir $(firstword $(filter-out -% %ccache %distcc,$(CC)))))
CLANG    := $(findstring clang,$(COMPILER))
MARCH    := $(if $(NATIVE),native,$(patsubst $(ARCH):%,%,$(filter $(ARCH):%,x86_64:x86-64-v3 aarch64:armv8-a)))
KIND     := $(if $(CROSS),-$(CROSS))$(if $(SANITIZE),-sanitize)$(if $(NATIVE),-native)$(if $(filter 0,$(AVX512)),-avx2)
BUILD    := build/$(REAL)$(if $(filter gcc,$(COMPILER)),,-$(COMPILER))$(KIND)
# The program that people run: not from a build folder that was given, as by scripts/coverage.sh.
MAIN     := $(if $(CLANG)$(KIND)$(filter command,$(origin BUILD))$(filter-out float,$(REAL)),,train)

# gnu11: stb_ds needs typeof, and c11 would disable fused multiply-add (-ffp-contract).
# -fno-math-errno and -fno-trapping-math (no code here reads errno or the exception flags) let the
# compiler vectorize sqrt and comparisons. Never -ffast-math: isfinite() must work.
# -Wmissing-field-initializers is off because tables name only the fields that they set;
# -Wno-pass-failed: clang 14 does not vectorize a max reduction, which costs time, not correctness;
# -Wno-enum-float-conversion, which clang 14 does not know: constants of enums are exact in double;
# -Wsign-conversion is off because BLAS sizes are int and ours are size_t, checked when a model is planned.
CFLAGS   ?= -O3 -g
PERI_CFLAGS = -std=gnu11 -march=$(MARCH) -fopenmp -fno-math-errno -fno-trapping-math -ffp-contract=fast \
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion \
    -Wno-missing-field-initializers $(if $(CLANG),-Wno-pass-failed -Wno-unknown-warning-option -Wno-enum-float-conversion) $(if $(WERROR),-Werror) \
    -I. $(patsubst -I%,-isystem %,$(BLAS_CFLAGS)) -isystem /usr/include/stb \
    $(if $(filter double,$(REAL)),-DREAL_DOUBLE) $(if $(filter 0,$(AVX512)),-DNO_AVX512) \
    $(if $(SANITIZE),-fsanitize=address$(comma)undefined -fno-omit-frame-pointer) \
    $(if $(FUZZ),-fsanitize=fuzzer-no-link$(comma)address$(comma)undefined -fno-sanitize-recover=all) \
    -DBUILD_FLAGS='"$(CC) $(CFLAGS) -march=$(MARCH) REAL=$(REAL)"'
comma := ,

ifdef CROSS
# The libraries of the other processor, where Debian puts them, below SYSROOT. pkg-config would name those of this one.
SYSROOT     ?= $(wildcard $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/peri/$(ARCH))
LIBDIR      := $(SYSROOT)/usr/lib/$(ARCH)-linux-gnu
BLASDIR     := $(patsubst %/libopenblas.so,%,$(firstword $(wildcard $(LIBDIR)/openblas-openmp/libopenblas.so $(LIBDIR)/libopenblas.so)))
BLAS_CFLAGS := -I$(BLASDIR:$(SYSROOT)/usr/lib/%=$(SYSROOT)/usr/include/%) -I$(SYSROOT)/usr/include/cjson
LIBRARIES   := -L$(BLASDIR) -L$(LIBDIR) -Wl,-rpath-link,$(LIBDIR) -Wl,-rpath,$(BLASDIR:$(SYSROOT)/%=/%)
else
# pkg-config names the flavour of OpenBLAS that was installed first. The one for OpenMP is 3.5 times as fast here.
FOUND       := $(shell pkg-config --variable=libdir openblas)
OPENMP      := $(patsubst %/libopenblas.so,%,$(wildcard $(FOUND:%/=%)/../openblas-openmp/libopenblas.so))
BLASDIR     := $(abspath $(or $(OPENMP),$(FOUND)))
BLAS_CFLAGS := $(subst /$(notdir $(FOUND:%/=%)),/$(notdir $(BLASDIR)),$(shell pkg-config --cflags openblas libcjson))
LIBRARIES   := -L$(BLASDIR) -Wl,-rpath,$(BLASDIR)
endif

# RPATH, not RUNPATH: the default libopenblas of the loader is the pthread flavour, 3.5 times slower here.
# -fopenmp comes before -lopenblas: program and library must share one OpenMP runtime. With clang that is
# libomp, which also provides the functions of libgomp that OpenBLAS calls.
# requirements_check runs before the libraries start, and nobody calls it (base/requirements.c).
PERI_LDFLAGS = $(LIBRARIES) -Wl,--disable-new-dtags -Wl,-u,requirements_check \
    $(if $(SANITIZE),-fsanitize=address$(comma)undefined)
LDLIBS   := -fopenmp -lopenblas -lcjson -lm

# PCRE2 and utf8proc are optional (docs/tokenizers.md): without them *_none.c stand in. Another processor has none.
PCRE2    := $(if $(CROSS),,$(shell pkg-config --libs libpcre2-8 2>/dev/null))
UTF8PROC := $(if $(CROSS),,$(shell pkg-config --libs libutf8proc 2>/dev/null))
LDLIBS   += $(PCRE2) $(UTF8PROC)
UNUSED   := data/tokenizer/$(if $(PCRE2),regex_none.c,regex_pcre2.c) data/tokenizer/$(if $(UTF8PROC),nfc_none.c,nfc_utf8proc.c)

# The folders of the library, lowest first (docs/code.md).
ROOMS    := base ops/cpu data/tokenizer data norm model \
    $(addprefix run/,io optim config log store models train measure commands)
SOURCES  := $(sort $(filter-out $(UNUSED),$(wildcard $(ROOMS:%=%/*.c))))
OBJECTS  := $(SOURCES:%.c=$(BUILD)/%.o)
TESTS    := $(sort $(wildcard tests/unit/test_*.c)) $(if $(filter double,$(REAL)),$(sort $(wildcard tests/grad/grad_*.c)))
TESTBINS := $(TESTS:%.c=$(BUILD)/%)

$(if $(filter float double,$(REAL)),,$(error REAL must be float or double, not "$(REAL)"))
$(if $(MARCH),,$(error peri.c runs on x86-64 and aarch64, not on "$(ARCH)"))
$(if $(BLASDIR),,$(if $(CROSS),$(error OpenBLAS for $(ARCH) not found in $(LIBDIR): run scripts/install-packages.sh $(ARCH), or set SYSROOT)))
$(if $(BLASDIR),,$(error OpenBLAS not found: apt-get install libopenblas-openmp-dev libcjson-dev libstb-dev pkg-config, or run scripts/quickstart.sh))

all: $(BUILD)/train $(MAIN)

# Renamed into place, because a program that is running cannot be written to.
train: $(BUILD)/train $(if $(wildcard train/.),is-a-folder)
	cp $< train.new
	mv -f train.new train

is-a-folder:
	@echo "make: train/ is a folder, and the program is called ./train: please rename the folder" >&2; exit 1

$(BUILD)/train: $(BUILD)/train.o $(BUILD)/libperi.a
	$(LINK)

$(BUILD)/libperi.a: $(OBJECTS)
	$(if $(FUZZ),objcopy $(FUZZ_OWN:%=--weaken-symbol=%) $(BUILD)/base/base.o)
	rm -f $@ && ar rcs $@ $^

$(BUILD)/tests/%: $(BUILD)/tests/%.o $(BUILD)/libperi.a
	$(LINK)

# Running programs are replaced, not overwritten.
define LINK
rm -f $@
$(CC) $(CFLAGS) $(PERI_CFLAGS) $(PERI_LDFLAGS) -o $@ $(filter %.o %.a,$^) $(LDLIBS)
endef

# The command that compiles, WERROR aside. If it changes, everything is built again.
FLAGS = $(filter-out -Werror,$(CC) $(CFLAGS) $(PERI_CFLAGS) $(PERI_LDFLAGS))
ifneq ($(strip $(file <$(BUILD)/flags)),$(strip $(FLAGS)))
$(BUILD)/flags: changed
endif
$(BUILD)/flags:
	@mkdir -p $(@D)
	@printf '%s\n' '$(subst ','\'',$(strip $(FLAGS)))' >$@

# The commit of the sources and whether they differ from it, for --version and run.json. In a folder that git does not
# track, or does not open for this user: that of the last build if no source is newer, else "unknown". Only train.c is
# compiled with it, so that a commit builds one file again. `make install` keeps that of the build, which may be another
# user's.
COMMIT := $(shell { git ls-files --error-unmatch train.c >/dev/null && git rev-parse --verify -q HEAD && \
    git --no-optional-locks status --porcelain -- Makefile train.c $(ROOMS) | sed -n '1s/.*/dirty/p'; } 2>/dev/null)
BUILT  := $(strip $(file <$(BUILD)/commit))
NEWER   = $(shell find Makefile train.c $(ROOMS) -newer $(BUILD)/commit -print -quit 2>/dev/null)
COMMIT := $(or $(if $(filter install uninstall,$(MAKECMDGOALS)),$(BUILT)),$(strip $(COMMIT)),$(if $(NEWER),,$(BUILT)),unknown)
ifneq ($(BUILT),$(COMMIT))
$(BUILD)/commit: changed
endif
$(BUILD)/commit:
	@mkdir -p $(@D)
	@echo '$(COMMIT)' >$@
$(BUILD)/train.o: $(BUILD)/commit

$(BUILD)/%.o: %.c Makefile $(BUILD)/flags
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(PERI_CFLAGS) $(if $(filter train.c,$<),-DPERI_COMMIT='"$(COMMIT)"') -MMD -MP -c -o $@ $<

# It contains the file.
$(BUILD)/run/models/peri_class.o: run/models/modeling_peri.py

# At every optimization level: without -O3 their tiles are not kept in registers, which is 16 times slower.
$(patsubst %.c,$(BUILD)/%.o,$(wildcard ops/cpu/cpu_gemm_*.c)): PERI_CFLAGS += -O3

# For any processor, and before the sanitizers start.
$(BUILD)/base/requirements.o: PERI_CFLAGS += $(if $(filter x86_64,$(ARCH)),-march=x86-64) -fno-sanitize=all

tests: $(TESTBINS)

# The fault injection tools are plain C and share no code with the program.
FAULT_CFLAGS = $(CFLAGS) -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Wpedantic -Wshadow -Wconversion \
    -Wno-sign-conversion $(if $(WERROR),-Werror) -I. -isystem /usr/include/stb
FAULT_HEADERS := $(wildcard tests/fault/*.h)

faults: $(addprefix build/fault/,fault powerloss strike state alloc.so space.so)
build/fault/fault: $(addprefix tests/fault/,fault.c tracee.c record.c sentence.c)
build/fault/powerloss: $(addprefix tests/fault/,powerloss.c disk.c sentence.c)
build/fault/state: $(addprefix tests/fault/,state.c sentence.c)
build/fault/strike: $(addprefix tests/fault/,strike.c sentence.c)
build/fault/alloc.so: tests/fault/alloc.c
build/fault/space.so: tests/fault/space.c
build/fault/%: $(FAULT_HEADERS) Makefile
	@mkdir -p $(@D)
	$(CC) $(FAULT_CFLAGS) $(if $(filter %.so,$@),-shared -fPIC) -o $@ $(filter %.c,$^)

check:
	scripts/check.sh

check-full:
	scripts/check.sh --full

bench: train build/float/tests/bench/bench_norm build/float/tests/bench/bench_pairs
	scripts/bench.sh $(if $(QUICK),--quick) $(PARTS)

# Fuzz targets, one per file, with their own build folder. tests/fuzz/fuzz.h defines its own die() and
# allocator; those of the library become weak symbols, so that the linker prefers the others.
FUZZERS  := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_OWN := die mem_alloc mem_free mem_realloc

fuzz:
	+$(MAKE) FUZZ=1 CC=clang REAL=float CFLAGS="-O1 -g" BUILD=build/fuzz $(FUZZERS:%=build/fuzz/%)

build/fuzz/fuzz_%: build/fuzz/tests/fuzz/fuzz_%.o build/fuzz/libperi.a
	$(CC) $(CFLAGS) $(PERI_CFLAGS) $(PERI_LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(LDLIBS)

# Results of the PyTorch model in tests/oracle/, which test_oracle reads; needs python3-torch.
oracle:
	OMP_NUM_THREADS=1 /usr/bin/python3 -B tests/oracle/oracle.py
.PHONY: oracle

# Installed below PREFIX: the program, its manual page and completion, the commands peri-sweep, peri-report and
# peri-plot, and in share/peri/ the configs, the sweeps and the scripts for runs. PREFIX may have any characters.
install uninstall: export ROOT = $(DESTDIR)$(PREFIX)

install: train
	@scripts/install.sh install "$$ROOT"

# Removes only files that are as they were installed.
uninstall:
	@scripts/install.sh uninstall "$$ROOT"

# The tracked files are known only in a checkout.
VERSION = $(shell sed -n 's/^\#define PERI_VERSION "\(.*\)"/\1/p' base/base.h)

dist:
	@git ls-files --error-unmatch Makefile >/dev/null 2>&1 || { echo "make dist: needs a git checkout, for the list of files" >&2; exit 1; }
	git archive --prefix=peri-$(VERSION)/ -o peri-$(VERSION).tar.gz HEAD

clean:
	rm -rf build
	rm -f $(if $(wildcard train/.),,train)

.PHONY: all tests faults check check-full bench fuzz install uninstall dist clean changed is-a-folder
.SECONDARY:
-include $(shell find build -name '*.d' 2>/dev/null)
