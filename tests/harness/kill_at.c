/* Ends the process with SIGKILL before a chosen change to a file, or before it says something to a server: each of them
 * is an instant at which a machine may fail. Whoever changes a file or calls a server in another way than by these has
 * nothing to be killed at, so that a walk of it finds no instant and fails.
 *
 * Loaded into `icebridge` alone, by LD_PRELOAD. KILL_AT: the number of the instant, counted from 1; 0 or nothing: none.
 * KILL_COUNT: a file that gets the number of instants when the process ends by itself. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
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

static int is_server(int fd) {
    struct sockaddr_storage peer;
    socklen_t length = sizeof peer;
    return getpeername(fd, (struct sockaddr *)&peer, &length) == 0 &&
           (peer.ss_family == AF_INET || peer.ss_family == AF_INET6);
}

static void instant_of(int fd) {
    struct stat found;
    if (is_on && fstat(fd, &found) == 0 && (S_ISREG(found.st_mode) || (S_ISSOCK(found.st_mode) && is_server(fd))))
        instant();
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t write(int fd, const void *bytes, size_t count) {
    instant_of(fd);
    return REAL(write)(fd, bytes, count);
}
ssize_t writev(int fd, const struct iovec *parts, int count) {
    instant_of(fd);
    return REAL(writev)(fd, parts, count);
}
ssize_t send(int fd, const void *bytes, size_t count, int flags) {
    instant_of(fd);
    return REAL(send)(fd, bytes, count, flags);
}
ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
    instant_of(fd);
    return REAL(sendmsg)(fd, message, flags);
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
