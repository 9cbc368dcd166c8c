/* Stands between the daemon and the C library, as the test says in a shared file: syncs that are
 * slow or fail, writes that find no space, a wall clock that stands elsewhere.
 *
 * A sync that fails takes along what was written to that file since the last one that did not, as a
 * system may: whoever asks again is told that all is well, and the bytes are gone. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct control {
    _Atomic int64_t sync_delay_ms; /* every sync takes so much longer */
    _Atomic int64_t sync_error;    /* the next sync fails with this number, once */
    _Atomic int64_t write_error;   /* every positioned write fails with this number */
    _Atomic int64_t clock_s;       /* the wall clock is so far ahead */
    _Atomic int64_t syncs;         /* counted: syncs of data */
    _Atomic int64_t tried_again;   /* counted: syncs of a file whose sync had failed */
    _Atomic int64_t failed_file;   /* that file; of no interest to the test */
};

static struct control *control;

/* What was written and not synced yet, of all files, oldest first. */
#define WRITES_MAX 4096
struct written {
    int64_t file;
    off64_t at;
    size_t count;
};
static struct written writes[WRITES_MAX];
static size_t writes_held;
static pthread_mutex_t writes_lock = PTHREAD_MUTEX_INITIALIZER;

static int64_t file_of(int fd) {
    struct stat about;
    return fstat(fd, &about) == 0 ? (int64_t)about.st_ino : -1;
}

static void remember(int fd, off64_t at, size_t count) {
    struct written written = {file_of(fd), at, count};
    pthread_mutex_lock(&writes_lock);
    if (writes_held < WRITES_MAX) writes[writes_held++] = written;
    pthread_mutex_unlock(&writes_lock);
}

/* The writes to a file are synced, or gone. */
static void forget(int fd, int gone) {
    static const char nothing[65536];
    int64_t file = file_of(fd);
    size_t kept = 0;
    pthread_mutex_lock(&writes_lock);
    for (size_t place = 0; place < writes_held; place++) {
        struct written *one = &writes[place];
        if (one->file != file) {
            writes[kept++] = *one;
            continue;
        }
        for (size_t done = 0; gone && done < one->count; done += sizeof nothing) {
            size_t left = one->count - done;
            size_t part = left < sizeof nothing ? left : sizeof nothing;
            syscall(SYS_pwrite64, fd, nothing, part, one->at + (off64_t)done);
        }
    }
    writes_held = kept;
    pthread_mutex_unlock(&writes_lock);
}

__attribute__((constructor)) static void open_control(void) {
    const char *path = getenv("KONTOR_SHIM");
    if (!path) return;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) abort();
    void *shared = mmap(0, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (shared == MAP_FAILED) abort();
    close(fd);
    control = shared;
}

static void wait_ms(int64_t ms) {
    struct timespec left = {ms / 1000, ms % 1000 * 1000000};
    while (syscall(SYS_nanosleep, &left, &left) != 0 && errno == EINTR) {
    }
}

int fdatasync(int fd) {
    if (control) {
        int64_t file = file_of(fd);
        control->syncs++;
        if (file == control->failed_file) control->tried_again++;
        wait_ms(control->sync_delay_ms);
        int64_t error = atomic_exchange(&control->sync_error, 0);
        if (error) {
            forget(fd, 1);
            control->failed_file = file;
            errno = (int)error;
            return -1;
        }
        forget(fd, 0);
    }
    return (int)syscall(SYS_fdatasync, fd);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) {
    int64_t error = control ? control->write_error : 0;
    if (error) {
        errno = (int)error;
        return -1;
    }
    ssize_t written = syscall(SYS_pwrite64, fd, bytes, count, at);
    if (control && written > 0) remember(fd, at, (size_t)written);
    return written;
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    int failed = (int)syscall(SYS_clock_gettime, clock, time);
    if (!failed && control && clock == CLOCK_REALTIME) time->tv_sec += control->clock_s;
    return failed;
}
