/*
 * sink - an iSCSI target that only acknowledges: the ceiling of what this machine can do.
 *
 *   cc -O2 -march=native -o sink sink.c
 *   sink PORT
 *
 * One thread, epoll.  Data that is written is received and forgotten (its digest, if there is
 * one, is checked); what is read are zeros from memory.  A connection is a tape of its own that
 * knows how many bytes lie before its filemark.  Any target name and LUN will do.
 */
#include "wire.h"
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#define SEGMENT 262144u		/* MaxRecvDataSegmentLength and FirstBurstLength, as pyvtl's */
#define ROOM (4u << 20)		/* of the buffer that PDUs are received into */
#define TASKS 64

struct task {
	uint32_t itt, expected, got, burst_end, r2t_sn;
	uint8_t op, used;
};

struct conn {
	int fd, full_feature, hdigest, ddigest;
	uint32_t stat_sn, exp_cmd_sn, segment, burst, block;
	uint64_t at, end;
	size_t fill;
	struct task tasks[TASKS];
	uint8_t in[ROOM];
};

static uint8_t zeros[1 << 20];

static void header(struct conn *c, uint8_t *h, uint8_t op, uint8_t flags, uint32_t itt)
{
	memset(h, 0, BHS);
	h[0] = op; h[1] = flags;
	put32(h + 16, itt);
	put32(h + 28, c->exp_cmd_sn);
	put32(h + 32, c->exp_cmd_sn + 31);
}

/* one PDU: a header, a data segment, and their digests when they were agreed on */
static int pdu(struct conn *c, uint8_t *h, const uint8_t *data, uint32_t n)
{
	static const uint8_t padding[4];
	uint8_t hd[4], dd[4];
	struct iovec v[5];
	int k = 0;

	put24(h + 5, n);
	v[k++] = (struct iovec){ h, BHS };
	if (c->full_feature && c->hdigest) {
		put_crc(hd, crc32c_more(~0u, h, BHS));
		v[k++] = (struct iovec){ hd, 4 };
	}
	if (n) {
		v[k++] = (struct iovec){ (void *)(uintptr_t)data, n };
		if (PAD(n))
			v[k++] = (struct iovec){ (void *)(uintptr_t)padding, PAD(n) };
		if (c->full_feature && c->ddigest) {
			put_crc(dd, crc32c_more(crc32c_more(~0u, data, n), padding, PAD(n)));
			v[k++] = (struct iovec){ dd, 4 };
		}
	}
	return send_all(c->fd, v, k);
}

static int response(struct conn *c, uint32_t itt, const uint8_t *sense)
{
	uint8_t h[BHS], data[20] = { 0, 18 };

	header(c, h, 0x21, 0x80, itt);
	put32(h + 24, c->stat_sn++);
	if (!sense)
		return pdu(c, h, NULL, 0);
	h[3] = 2;	/* CHECK CONDITION */
	memcpy(data + 2, sense, 18);
	return pdu(c, h, data, 20);
}

static int data_in(struct conn *c, uint32_t itt, const uint8_t *data, uint32_t n, uint32_t expected)
{
	uint8_t h[BHS];
	uint32_t at = 0, sn = 0, in_burst = 0;

	do {
		uint32_t part = n - at < c->segment ? n - at : c->segment;
		if (part > c->burst - in_burst)
			part = c->burst - in_burst;
		int last = at + part == n;
		in_burst += part;
		header(c, h, 0x25, last ? 0x81 : in_burst == c->burst ? 0x80 : 0, itt);
		if (last) {
			put32(h + 24, c->stat_sn++);
			if (n < expected) {
				h[1] |= 2;	/* underflow */
				put32(h + 44, expected - n);
			}
		}
		put32(h + 36, sn++);
		put32(h + 40, at);
		if (pdu(c, h, data == zeros ? zeros : data + at, part))
			return -1;
		at += part;
		in_burst %= c->burst;
	} while (at < n);
	return 0;
}

/* what a WRITE or MODE SELECT still has to receive is asked for; when all is there, it has ended */
static int receive_on(struct conn *c, struct task *t)
{
	uint8_t h[BHS];

	if (t->got >= t->expected) {
		t->used = 0;
		if (t->op == 0x0a)
			c->end = c->at += t->expected;
		return response(c, t->itt, NULL);
	}
	if (t->got < t->burst_end)
		return 0;
	uint32_t n = t->expected - t->got < c->burst ? t->expected - t->got : c->burst;
	t->burst_end = t->got + n;
	header(c, h, 0x31, 0x80, t->itt);
	put32(h + 20, t->itt);
	put32(h + 24, c->stat_sn);
	put32(h + 36, t->r2t_sn++);
	put32(h + 40, t->got);
	put32(h + 44, n);
	return pdu(c, h, NULL, 0);
}

static int read_6(struct conn *c, uint32_t itt, const uint8_t *cdb, uint32_t expected)
{
	static const uint8_t filemark[18] = { 0x70, 0, 0x80, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0, 1 };

	if (c->at >= c->end)
		return response(c, itt, filemark);
	(void)cdb;
	c->at += expected;
	return data_in(c, itt, zeros, expected, expected);
}

static int command(struct conn *c, const uint8_t *h, uint32_t n)
{
	static const uint8_t inquiry[36] = { 1, 0x80, 6, 2, 31, 0, 0, 0, 's', 'i', 'n', 'k', ' ', ' ', ' ', ' ',
		'a', 'c', 'k', 'n', 'o', 'w', 'l', 'e', 'd', 'g', 'e', 's', ' ', ' ', ' ', ' ', '1', ' ', ' ', ' ' };
	const uint8_t *cdb = h + 32;
	uint32_t itt = get32(h + 16), expected = get32(h + 20), i;

	if (!(h[0] & 0x40))
		c->exp_cmd_sn = get32(h + 24) + 1;
	if (h[1] & 0x20) {	/* data comes */
		for (i = 0; i < TASKS && c->tasks[i].used; i++)
			;
		if (i == TASKS)
			return -1;
		uint32_t first = h[1] & 0x80 ? n : expected < SEGMENT ? expected : SEGMENT;
		c->tasks[i] = (struct task){ itt, expected, n, first, 0, cdb[0], 1 };
		return receive_on(c, &c->tasks[i]);
	}
	switch (cdb[0]) {
	case 0x01: c->at = 0; return response(c, itt, NULL);	/* REWIND */
	case 0x08: return read_6(c, itt, cdb, expected);
	case 0x12: return data_in(c, itt, inquiry, expected < 36 ? expected : 36, expected);
	default: return response(c, itt, NULL);
	}
}

static int data_out(struct conn *c, const uint8_t *h, uint32_t n)
{
	for (int i = 0; i < TASKS; i++) {
		struct task *t = &c->tasks[i];
		if (t->used && t->itt == get32(h + 16)) {
			t->got += n;
			return h[1] & 0x80 ? receive_on(c, t) : 0;
		}
	}
	return -1;
}

/* the values of RFC 7143 section 13 that a plain target answers with */
static const struct { const char *key, *answer; } KEYS[] = {
	{ "AuthMethod", "None" }, { "MaxConnections", "1" }, { "InitialR2T", "No" }, { "ImmediateData", "Yes" },
	{ "FirstBurstLength", "262144" }, { "DefaultTime2Wait", "2" }, { "DefaultTime2Retain", "0" },
	{ "MaxOutstandingR2T", "1" }, { "DataPDUInOrder", "Yes" }, { "DataSequenceInOrder", "Yes" },
	{ "ErrorRecoveryLevel", "0" } };

static char *answer_key(struct conn *c, char *out, const char *key, const char *value)
{
	int crc = !strncmp(value, "CRC32C", 6);

	if (!strcmp(key, "HeaderDigest") || !strcmp(key, "DataDigest")) {
		*(key[0] == 'H' ? &c->hdigest : &c->ddigest) = crc;
		return out + sprintf(out, "%s=%s", key, crc ? "CRC32C" : "None") + 1;
	}
	if (!strcmp(key, "MaxRecvDataSegmentLength"))
		c->segment = (uint32_t)atoi(value);
	if (!strcmp(key, "MaxBurstLength")) {
		c->burst = (uint32_t)atoi(value) < sizeof zeros ? (uint32_t)atoi(value) : sizeof zeros;
		return out + sprintf(out, "%s=%u", key, c->burst) + 1;
	}
	for (size_t i = 0; i < sizeof KEYS / sizeof *KEYS; i++)
		if (!strcmp(key, KEYS[i].key))
			return out + sprintf(out, "%s=%s", key, KEYS[i].answer) + 1;
	return out;
}

static int login(struct conn *c, const uint8_t *h, char *text, uint32_t n)
{
	uint8_t r[BHS];
	char answer[4096], *out = answer;

	out += sprintf(out, "TargetPortalGroupTag=1") + 1;
	if ((h[1] >> 2 & 3) == 1)
		out += sprintf(out, "MaxRecvDataSegmentLength=%u", SEGMENT) + 1;
	for (char *k = text, *e; k < text + n; k = e + strlen(e) + 1) {
		if (!(e = strchr(k, '=')))
			break;
		*e++ = 0;
		out = answer_key(c, out, k, e);
	}
	c->exp_cmd_sn = get32(h + 24);
	header(c, r, 0x23, h[1], get32(h + 16));
	memcpy(r + 8, h + 8, 6);	/* ISID */
	r[15] = 1;			/* TSIH */
	put32(r + 24, c->stat_sn++);
	if (pdu(c, r, (uint8_t *)answer, (uint32_t)(out - answer)))
		return -1;
	c->full_feature = (h[1] & 0x83) == 0x83;
	return 0;
}

static int simple(struct conn *c, const uint8_t *h, uint8_t op)
{
	uint8_t r[BHS];

	header(c, r, op, 0x80, get32(h + 16));
	put32(r + 20, ~0u);
	put32(r + 24, c->stat_sn++);
	pdu(c, r, NULL, 0);
	return op == 0x26 ? -1 : 0;	/* a logout ends the connection */
}

static int one(struct conn *c, uint8_t *h, uint8_t *data, uint32_t n)
{
	switch (h[0] & 0x3f) {
	case 0x00: return get32(h + 16) == ~0u ? 0 : simple(c, h, 0x20);
	case 0x01: return command(c, h, n);
	case 0x03: return login(c, h, (char *)data, n);
	case 0x05: return data_out(c, h, n);
	case 0x06: return simple(c, h, 0x26);
	default: return -1;
	}
}

/* the PDUs that have come as a whole, digests checked; what is left moves to the front */
static int received(struct conn *c)
{
	uint8_t *p = c->in, crc[4];
	size_t left = c->fill;

	while (left >= BHS) {
		uint32_t n = get24(p + 5), hd = c->full_feature && c->hdigest ? 4 : 0;
		uint32_t dd = n && c->full_feature && c->ddigest ? 4 : 0;
		size_t whole = BHS + hd + n + PAD(n) + dd;
		uint8_t *data = p + BHS + hd;
		if (p[4] || whole > ROOM)
			return -1;
		if (left < whole)
			break;
		put_crc(crc, hd ? crc32c_more(~0u, p, BHS) : 0);
		if (hd && memcmp(crc, p + BHS, 4))
			return -1;
		put_crc(crc, dd ? crc32c_more(~0u, data, n + PAD(n)) : 0);
		if (dd && memcmp(crc, data + n + PAD(n), 4))
			return -1;
		if (one(c, p, data, n))
			return -1;
		p += whole; left -= whole;
	}
	memmove(c->in, p, left);
	c->fill = left;
	return 0;
}

static void take(int listener, int poll)
{
	int on = 1, fd = accept(listener, NULL, NULL);
	struct conn *c = calloc(1, sizeof *c);

	if (fd < 0 || !c)
		exit(1);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	c->fd = fd;
	c->segment = 8192;
	c->burst = 262144;
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };
	epoll_ctl(poll, EPOLL_CTL_ADD, fd, &e);
}

int main(int argc, char **argv)
{
	int on = 1, listener = socket(AF_INET, SOCK_STREAM, 0), poll = epoll_create1(0);
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				 .sin_port = htons(argc > 1 ? (uint16_t)atoi(argv[1]) : 0) };
	struct epoll_event e = { .events = EPOLLIN }, got[16];

	if (argc != 2)
		return 2;
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(listener, (struct sockaddr *)&a, sizeof a) || listen(listener, 64))
		return perror("sink"), 1;
	memset(zeros, 0, sizeof zeros);
	epoll_ctl(poll, EPOLL_CTL_ADD, listener, &e);
	for (;;) {
		int n = epoll_wait(poll, got, 16, -1);
		for (int i = 0; i < n; i++) {
			struct conn *c = got[i].data.ptr;
			if (!c) {
				take(listener, poll);
				continue;
			}
			ssize_t r = recv(c->fd, c->in + c->fill, ROOM - c->fill, MSG_DONTWAIT);
			if (r < 0 && (errno == EAGAIN || errno == EINTR))
				continue;
			c->fill += r > 0 ? (size_t)r : 0;
			if (r <= 0 || received(c)) {
				close(c->fd);
				free(c);
			}
		}
	}
}
