/* What the raw initiator and the sink share: big-endian fields, CRC32C, whole reads and writes. */
#ifndef WIRE_H
#define WIRE_H
#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define BHS 48		/* basic header segment, RFC 7143 section 11.2.1 */
#define PAD(n) (-(n) & 3)

static inline uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline uint32_t get24(const uint8_t *p)
{
	return (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
}

static inline void put32(uint8_t *p, uint32_t v)
{
	p[0] = v >> 24; p[1] = v >> 16; p[2] = v >> 8; p[3] = v;
}

static inline void put24(uint8_t *p, uint32_t v)
{
	p[0] = v >> 16; p[1] = v >> 8; p[2] = v;
}

/* CRC32C as it goes on: begin with ~0, end with ~crc */
static inline uint32_t crc32c_more(uint32_t crc, const uint8_t *p, size_t n)
{
#if defined(__SSE4_2__)
	uint64_t c = crc, v;
	for (; n >= 8; n -= 8, p += 8) {
		memcpy(&v, p, 8);
		c = __builtin_ia32_crc32di(c, v);
	}
	crc = (uint32_t)c;
	for (; n; n--)
		crc = __builtin_ia32_crc32qi(crc, *p++);
#else
	static uint32_t table[256];
	if (!table[1])
		for (uint32_t i = 256; i--;) {
			uint32_t c = i;
			for (int k = 0; k < 8; k++)
				c = c >> 1 ^ (c & 1 ? 0x82f63b78u : 0);
			table[i] = c;
		}
	for (; n; n--)
		crc = crc >> 8 ^ table[(crc ^ *p++) & 255];
#endif
	return crc;
}

static inline void put_crc(uint8_t *p, uint32_t crc)	/* least significant byte first */
{
	crc = ~crc;
	p[0] = crc; p[1] = crc >> 8; p[2] = crc >> 16; p[3] = crc >> 24;
}

static inline int recv_all(int fd, void *to, size_t n)
{
	uint8_t *p = to;
	while (n) {
		ssize_t r = recv(fd, p, n, MSG_WAITALL);
		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return -1;
		p += r; n -= (size_t)r;
	}
	return 0;
}

static inline int send_all(int fd, struct iovec *v, int n)
{
	while (n) {
		struct msghdr m = { .msg_iov = v, .msg_iovlen = (size_t)n };
		ssize_t r = sendmsg(fd, &m, MSG_NOSIGNAL);
		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return -1;
		while (n && (size_t)r >= v->iov_len) {
			r -= (ssize_t)v->iov_len;
			v++; n--;
		}
		if (n) {
			v->iov_base = (uint8_t *)v->iov_base + r;
			v->iov_len -= (size_t)r;
		}
	}
	return 0;
}
#endif
