/* Ends the process with SIGKILL before a chosen change to a file: each of them is an instant at which a machine may fail.
 *
 * Loaded into `icebridge` alone, by LD_PRELOAD. KILL_AT: the number of the change, counted from 1; 0 or nothing: none.
 * KILL_COUNT: a file that gets the number of changes when the process ends by itself. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static atomic_long changes;
static long kill_at;
static int is_on;

__attribute__((constructor)) static void begin(void) {
    const char *at = getenv("KILL_AT");
    is_on = strcmp(program_invocation_short_name, "icebridge") == 0;
    kill_at = at ? atol(at) : 0;
}

__attribute__((destructor)) static void end(void) {
    const char *path = getenv("KILL_COUNT");
    if (!is_on || !path) return;
    is_on = 0;
    FILE *file = fopen(path, "w");
    if (file) {
        fprintf(file, "%ld", atomic_load(&changes));
        fclose(file);
    }
}

static void instant(void) {
    if (is_on && atomic_fetch_add(&changes, 1) + 1 == kill_at) kill(getpid(), SIGKILL);
}

static void instant_of(int fd) {
    struct stat found;
    if (is_on && fstat(fd, &found) == 0 && S_ISREG(found.st_mode)) instant();
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t write(int fd, const void *bytes, size_t count) {
    instant_of(fd);
    return REAL(write)(fd, bytes, count);
}
ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) {
    instant_of(fd);
    return REAL(pwrite64)(fd, bytes, count, at);
}
int fsync(int fd) {
    instant_of(fd);
    return REAL(fsync)(fd);
}
int fdatasync(int fd) {
    instant_of(fd);
    return REAL(fdatasync)(fd);
}
int ftruncate64(int fd, off64_t size) {
    instant_of(fd);
    return REAL(ftruncate64)(fd, size);
}
int rename(const char *from, const char *to) {
    instant();
    return REAL(rename)(from, to);
}
int link(const char *from, const char *to) {
    instant();
    return REAL(link)(from, to);
}
int linkat(int from_fd, const char *from, int to_fd, const char *to, int flags) {
    instant();
    return REAL(linkat)(from_fd, from, to_fd, to, flags);
}
int unlink(const char *path) {
    instant();
    return REAL(unlink)(path);
}
int unlinkat(int fd, const char *path, int flags) {
    instant();
    return REAL(unlinkat)(fd, path, flags);
}
