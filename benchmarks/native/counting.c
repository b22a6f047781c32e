/*
 * counting - a library to preload, which counts what a program asks of libc.
 *
 *   cc -O2 -shared -fPIC -o counting.so counting.c -ldl
 *   COUNTING_FILE=/tmp/counts LD_PRELOAD=./counting.so program
 *
 * The file holds six native 64-bit numbers and is mapped, so that others can read it at any time:
 * bytes copied by memcpy and memmove in pieces of 4 KiB and more, allocations of 32 KiB and more,
 * all allocations, calls that receive from sockets, that send to sockets, that write to files.
 * None of them depends on how fast the machine is.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define PIECE 4096
#define LARGE 32768

enum { COPIED, LARGE_ALLOCATIONS, ALLOCATIONS, RECEIVES, SENDS, WRITES, COUNTERS };

static uint64_t nowhere[COUNTERS], *counts = nowhere;

static inline void count(int which, uint64_t n)
{
	__atomic_fetch_add(&counts[which], n, __ATOMIC_RELAXED);
}

__attribute__((constructor)) static void begin(void)
{
	const char *name = getenv("COUNTING_FILE");
	int fd = name ? open(name, O_RDWR | O_CREAT, 0600) : -1;

	if (fd < 0 || ftruncate(fd, sizeof nowhere))
		return;
	void *page = mmap(NULL, sizeof nowhere, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (page != MAP_FAILED)
		counts = page;
}

/* memory: glibc's own names lead to its functions without dlsym, which allocates itself */
void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);

static inline void allocated(size_t n)
{
	count(ALLOCATIONS, 1);
	if (n >= LARGE)
		count(LARGE_ALLOCATIONS, 1);
}

void *malloc(size_t n) { allocated(n); return __libc_malloc(n); }
void *calloc(size_t k, size_t n) { allocated(k * n); return __libc_calloc(k, n); }
void *realloc(void *p, size_t n) { allocated(n); return __libc_realloc(p, n); }

/* copies: the machine's own string instructions, which are quick for long pieces */
static inline void *forward(void *to, const void *from, size_t n)
{
	void *d = to;
#if defined(__x86_64__)
	__asm__ volatile("rep movsb" : "+D"(d), "+S"(from), "+c"(n) : : "memory");
#else
	for (char *t = d; n--; t++, from = (const char *)from + 1)
		*(volatile char *)t = *(const char *)from;
#endif
	return to;
}

static inline void copied(size_t n)
{
	if (n >= PIECE)
		count(COPIED, n);
}

void *memcpy(void *to, const void *from, size_t n) { copied(n); return forward(to, from, n); }

void *memmove(void *to, const void *from, size_t n)
{
	copied(n);
	if ((uintptr_t)to - (uintptr_t)from >= n)
		return forward(to, from, n);
	for (volatile char *t = (char *)to + n, *f = (char *)(uintptr_t)from + n; n--;)
		*--t = *--f;
	return to;
}

void *__memcpy_chk(void *to, const void *from, size_t n, size_t room) { (void)room; return memcpy(to, from, n); }
void *__memmove_chk(void *to, const void *from, size_t n, size_t room) { (void)room; return memmove(to, from, n); }

/* system calls: counted, then carried out by libc */
#define CALL(type, name, which, parameters, arguments)               \
	type name parameters                                         \
	{                                                            \
		static type(*real) parameters;                       \
		if (!real)                                           \
			*(void **)&real = dlsym(RTLD_NEXT, #name);   \
		count(which, 1);                                     \
		return real arguments;                               \
	}

CALL(ssize_t, recv, RECEIVES, (int fd, void *p, size_t n, int flags), (fd, p, n, flags))
CALL(ssize_t, recvmsg, RECEIVES, (int fd, struct msghdr *m, int flags), (fd, m, flags))
CALL(ssize_t, recvfrom, RECEIVES, (int fd, void *p, size_t n, int flags, struct sockaddr *a, socklen_t *l),
     (fd, p, n, flags, a, l))
CALL(ssize_t, send, SENDS, (int fd, const void *p, size_t n, int flags), (fd, p, n, flags))
CALL(ssize_t, sendmsg, SENDS, (int fd, const struct msghdr *m, int flags), (fd, m, flags))
CALL(ssize_t, sendto, SENDS, (int fd, const void *p, size_t n, int flags, const struct sockaddr *a, socklen_t l),
     (fd, p, n, flags, a, l))
CALL(ssize_t, write, WRITES, (int fd, const void *p, size_t n), (fd, p, n))
CALL(ssize_t, writev, WRITES, (int fd, const struct iovec *v, int n), (fd, v, n))
CALL(ssize_t, pwrite, WRITES, (int fd, const void *p, size_t n, off_t at), (fd, p, n, at))
CALL(ssize_t, pwrite64, WRITES, (int fd, const void *p, size_t n, off_t at), (fd, p, n, at))
CALL(ssize_t, pwritev, WRITES, (int fd, const struct iovec *v, int n, off_t at), (fd, v, n, at))
CALL(ssize_t, pwritev64, WRITES, (int fd, const struct iovec *v, int n, off_t at), (fd, v, n, at))
CALL(ssize_t, pwritev2, WRITES, (int fd, const struct iovec *v, int n, off_t at, int f), (fd, v, n, at, f))
CALL(ssize_t, pwritev64v2, WRITES, (int fd, const struct iovec *v, int n, off_t at, int f), (fd, v, n, at, f))
