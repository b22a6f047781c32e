/*
 * raw_iscsi - as much of libiscsi's interface as tapebench uses, over an initiator of our own.
 *
 * It knows the data digest, which Debian's libiscsi 1.19 does not.  Blocking sockets; every data
 * segment is received where it is to stay, and both digests are made and checked.  No CHAP.
 */
#include "wire.h"
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <iscsi/iscsi.h>
#include <iscsi/scsi-lowlevel.h>

#define IN_FLIGHT 64
#define OURS 262144u	/* MaxRecvDataSegmentLength that we declare, FirstBurstLength, MaxBurstLength */
#define PARTS 520	/* of one PDU: a data segment may lie in many pieces */

struct flight {
	struct scsi_task *task;
	iscsi_command_cb done;
	void *priv;
	int used;
};

struct iscsi_context {
	int fd, hdigest, ddigest, full_feature, immediate, initial_r2t;
	uint32_t cmd_sn, exp_stat_sn, next_itt, segment, first_burst, max_burst;
	uint8_t isid[6];
	char initiator[256], target[256], error[256];
	iscsi_log_fn log;
	struct flight flights[IN_FLIGHT];
};

void iscsi_set_data_digest(struct iscsi_context *c, int on);

static int fail(struct iscsi_context *c, const char *format, ...)
{
	va_list ap;
	va_start(ap, format);
	vsnprintf(c->error, sizeof c->error, format, ap);
	va_end(ap);
	return -1;
}

struct iscsi_context *iscsi_create_context(const char *initiator)
{
	struct iscsi_context *c = calloc(1, sizeof *c);
	if (c) {
		snprintf(c->initiator, sizeof c->initiator, "%s", initiator);
		c->fd = -1;
		c->cmd_sn = 1;
		c->segment = 8192;
		c->immediate = 1;
		c->first_burst = c->max_burst = OURS;
	}
	return c;
}

int iscsi_destroy_context(struct iscsi_context *c)
{
	if (c->fd >= 0)
		close(c->fd);
	free(c);
	return 0;
}

void iscsi_set_log_level(struct iscsi_context *c, int level) { if (!level) c->log = NULL; }
void iscsi_set_log_fn(struct iscsi_context *c, iscsi_log_fn log) { c->log = log; }
int iscsi_set_session_type(struct iscsi_context *c, enum iscsi_session_type t) { (void)c; (void)t; return 0; }
void iscsi_set_noautoreconnect(struct iscsi_context *c, int on) { (void)c; (void)on; }
int iscsi_set_timeout(struct iscsi_context *c, int seconds) { (void)c; (void)seconds; return 0; }
const char *iscsi_get_error(struct iscsi_context *c) { return c->error; }
int iscsi_get_fd(struct iscsi_context *c) { return c->fd; }
int iscsi_which_events(struct iscsi_context *c) { (void)c; return POLLIN; }
void iscsi_destroy_url(struct iscsi_url *u) { free(u); }
void iscsi_set_data_digest(struct iscsi_context *c, int on) { c->ddigest = on; }

int iscsi_set_targetname(struct iscsi_context *c, const char *name)
{
	snprintf(c->target, sizeof c->target, "%s", name);
	return 0;
}

int iscsi_set_header_digest(struct iscsi_context *c, enum iscsi_header_digest d)
{
	c->hdigest = d == ISCSI_HEADER_DIGEST_CRC32C;
	return 0;
}

int iscsi_set_immediate_data(struct iscsi_context *c, enum iscsi_immediate_data on)
{
	c->immediate = on == ISCSI_IMMEDIATE_DATA_YES;
	return 0;
}

int iscsi_set_initial_r2t(struct iscsi_context *c, enum iscsi_initial_r2t on)
{
	c->initial_r2t = on == ISCSI_INITIAL_R2T_YES;
	return 0;
}

int iscsi_set_isid_random(struct iscsi_context *c, uint32_t random, uint32_t qualifier)
{
	c->isid[0] = 0x80;	/* the random format */
	put24(c->isid + 1, random);
	c->isid[4] = qualifier >> 8;
	c->isid[5] = qualifier;
	return 0;
}

int iscsi_set_initiator_username_pwd(struct iscsi_context *c, const char *user, const char *secret)
{
	(void)user; (void)secret;
	return fail(c, "the raw initiator knows no CHAP");
}

int iscsi_set_target_username_pwd(struct iscsi_context *c, const char *user, const char *secret)
{
	return iscsi_set_initiator_username_pwd(c, user, secret);
}

struct iscsi_url *iscsi_parse_full_url(struct iscsi_context *c, const char *url)
{
	struct iscsi_url *u = calloc(1, sizeof *u);

	if (u && sscanf(url, "iscsi://%255[^/]/%255[^/]/%d", u->portal, u->target, &u->lun) == 3)
		return u;
	free(u);
	fail(c, "not iscsi://HOST:PORT/TARGET/LUN");
	return NULL;
}

struct scsi_task *scsi_create_task(int size, unsigned char *cdb, int direction, int length)
{
	struct scsi_task *t = calloc(1, sizeof *t);
	if (t) {
		memcpy(t->cdb, cdb, (size_t)size);
		t->cdb_size = size;
		t->xfer_dir = direction;
		t->expxferlen = length;
	}
	return t;
}

void scsi_free_scsi_task(struct scsi_task *t)
{
	free(t->datain.data);
	free(t);
}

void scsi_task_set_iov_out(struct scsi_task *t, struct scsi_iovec *iov, int n)
{
	t->iovector_out.iov = iov;
	t->iovector_out.niov = n;
}

void scsi_task_set_iov_in(struct scsi_task *t, struct scsi_iovec *iov, int n)
{
	t->iovector_in.iov = iov;
	t->iovector_in.niov = n;
}

/* the pieces of a buffer from `at` on, `n` bytes */
static int pieces(const struct scsi_iovector *all, uint32_t at, uint32_t n, struct iovec *v)
{
	int k = 0;
	for (int i = 0; i < all->niov && n && k < PARTS - 8; i++) {
		size_t length = all->iov[i].iov_len;
		if (at >= length) {
			at -= (uint32_t)length;
			continue;
		}
		size_t part = length - at < n ? length - at : n;
		v[k++] = (struct iovec){ (uint8_t *)all->iov[i].iov_base + at, part };
		n -= (uint32_t)part;
		at = 0;
	}
	return n ? -1 : k;
}

/* one PDU, whose data are already in v[2] on */
static int send_pdu(struct iscsi_context *c, uint8_t *h, struct iovec *v, int parts, uint32_t n)
{
	static const uint8_t padding[4];
	uint8_t hd[4], dd[4];
	uint32_t crc = ~0u;

	put24(h + 5, n);
	put32(h + 28, c->exp_stat_sn);
	put_crc(hd, crc32c_more(~0u, h, BHS));
	v[0] = (struct iovec){ h, BHS };
	v[1] = (struct iovec){ hd, c->full_feature && c->hdigest ? 4 : 0 };
	int k = 2 + parts;
	if (PAD(n))
		v[k++] = (struct iovec){ (void *)(uintptr_t)padding, PAD(n) };
	if (n && c->full_feature && c->ddigest) {
		for (int i = 2; i < k; i++)
			crc = crc32c_more(crc, v[i].iov_base, v[i].iov_len);
		put_crc(dd, crc);
		v[k++] = (struct iovec){ dd, 4 };
	}
	return send_all(c->fd, v, k) ? fail(c, "the target closed the connection") : 0;
}

static int recv_header(struct iscsi_context *c, uint8_t *h)
{
	uint8_t d[4], want[4];

	if (recv_all(c->fd, h, BHS))
		return fail(c, "the target closed the connection");
	if (!c->full_feature || !c->hdigest)
		return 0;
	put_crc(want, crc32c_more(~0u, h, BHS));
	return recv_all(c->fd, d, 4) || memcmp(d, want, 4) ? fail(c, "wrong header digest") : 0;
}

static int recv_data(struct iscsi_context *c, struct iovec *v, int parts, uint32_t n)
{
	uint8_t padding[4], d[4], want[4];
	uint32_t crc = ~0u;

	for (int i = 0; i < parts; i++)
		if (recv_all(c->fd, v[i].iov_base, v[i].iov_len))
			return fail(c, "the target closed the connection");
	if (recv_all(c->fd, padding, PAD(n)))
		return fail(c, "the target closed the connection");
	if (!n || !c->full_feature || !c->ddigest)
		return 0;
	for (int i = 0; i < parts; i++)
		crc = crc32c_more(crc, v[i].iov_base, v[i].iov_len);
	put_crc(want, crc32c_more(crc, padding, PAD(n)));
	return recv_all(c->fd, d, 4) || memcmp(d, want, 4) ? fail(c, "wrong data digest") : 0;
}

int iscsi_connect_sync(struct iscsi_context *c, const char *portal)
{
	char host[256], *port;
	struct addrinfo want = { .ai_socktype = SOCK_STREAM }, *found;
	int on = 1;

	snprintf(host, sizeof host, "%s", portal);
	if (!(port = strrchr(host, ':')))
		return fail(c, "no port in %s", portal);
	*port++ = 0;
	if (getaddrinfo(host, port, &want, &found))
		return fail(c, "cannot resolve %s", host);
	c->fd = socket(found->ai_family, SOCK_STREAM, 0);
	int failed = connect(c->fd, found->ai_addr, found->ai_addrlen);
	freeaddrinfo(found);
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	return failed ? fail(c, "cannot connect to %s", portal) : 0;
}

static void take_key(struct iscsi_context *c, const char *key, const char *value)
{
	char line[512];

	if (!strcmp(key, "MaxRecvDataSegmentLength"))
		c->segment = (uint32_t)atoi(value);
	if (!strcmp(key, "FirstBurstLength"))
		c->first_burst = (uint32_t)atoi(value);
	if (!strcmp(key, "MaxBurstLength"))
		c->max_burst = (uint32_t)atoi(value);
	if (!strcmp(key, "ImmediateData"))
		c->immediate = !strcmp(value, "Yes");
	if (!strcmp(key, "InitialR2T"))
		c->initial_r2t = !strcmp(value, "Yes");
	if (c->log) {
		snprintf(line, sizeof line, "TargetLoginReply: %s=%s", key, value);
		c->log(6, line);
	}
}

/* one exchange: our keys, then what the target answers; 1 when full feature phase begins */
static int login_step(struct iscsi_context *c, const char *text, uint32_t n)
{
	static const char *const digest[] = { "None", "CRC32C" };
	uint8_t h[BHS] = { 0x43, 0x87 }, r[BHS];	/* straight from operational to full feature */
	char answer[8192 + 1] = "", *e;
	struct iovec v[PARTS];

	memcpy(h + 8, c->isid, 6);
	put32(h + 16, c->next_itt);
	put32(h + 24, c->cmd_sn);
	v[2] = (struct iovec){ (void *)(uintptr_t)text, n };
	if (send_pdu(c, h, v, 1, n) || recv_header(c, r))
		return -1;
	uint32_t length = get24(r + 5);
	if ((r[0] & 0x3f) != 0x23 || r[36] || length > 8192)
		return fail(c, "login refused with %02x%02xh", r[36], r[37]);
	v[0] = (struct iovec){ answer, length };
	if (recv_data(c, v, 1, length))
		return -1;
	c->exp_stat_sn = get32(r + 24) + 1;
	for (char *k = answer; k < answer + length; k = e + strlen(e) + 1) {
		if (!(e = strchr(k, '=')))
			break;
		*e++ = 0;
		if (!strcmp(k, "HeaderDigest") && strcmp(e, digest[c->hdigest]))
			return fail(c, "the target answers HeaderDigest=%s", e);
		if (!strcmp(k, "DataDigest") && strcmp(e, digest[c->ddigest]))
			return fail(c, "the target answers DataDigest=%s", e);
		take_key(c, k, e);
	}
	return !!(r[1] & 0x80);
}

int iscsi_login_sync(struct iscsi_context *c)
{
	char text[2048];
	int n = snprintf(text, sizeof text, "InitiatorName=%s%cTargetName=%s%cSessionType=Normal%cHeaderDigest=%s%c"
		"DataDigest=%s%cInitialR2T=%s%cImmediateData=%s%cFirstBurstLength=%u%cMaxBurstLength=%u%c"
		"MaxRecvDataSegmentLength=%u%cMaxOutstandingR2T=1%cMaxConnections=1%cErrorRecoveryLevel=0%c",
		c->initiator, 0, c->target, 0, 0, c->hdigest ? "CRC32C" : "None", 0, c->ddigest ? "CRC32C" : "None",
		0, c->initial_r2t ? "Yes" : "No", 0, c->immediate ? "Yes" : "No", 0, OURS, 0, OURS, 0, OURS,
		0, 0, 0, 0);

	int begun = login_step(c, text, (uint32_t)n);
	for (int i = 0; !begun && i < 4; i++)	/* the target wanted to say more before */
		begun = login_step(c, "", 0);
	c->next_itt++;
	c->full_feature = begun == 1;
	return begun == 1 ? 0 : begun ? -1 : fail(c, "the login does not end");
}

int iscsi_logout_sync(struct iscsi_context *c)
{
	uint8_t h[BHS] = { 0x46, 0x80 }, r[BHS];
	struct iovec v[PARTS];

	put32(h + 16, c->next_itt++);
	put32(h + 24, c->cmd_sn);
	return send_pdu(c, h, v, 0, 0) || recv_header(c, r) ? -1 : 0;
}

/* Data-Out PDUs from `at` up to `end`, in answer to an R2T or unsolicited */
static int send_data(struct iscsi_context *c, struct scsi_task *t, uint32_t ttt, uint32_t at, uint32_t end)
{
	struct iovec v[PARTS];
	uint32_t sn = 0;

	while (at < end) {
		uint8_t h[BHS] = { 0x05 };
		uint32_t n = end - at < c->segment ? end - at : c->segment;
		h[1] = at + n == end ? 0x80 : 0;
		h[9] = (uint8_t)t->lun;
		put32(h + 16, t->itt);
		put32(h + 20, ttt);
		put32(h + 36, sn++);
		put32(h + 40, at);
		int parts = pieces(&t->iovector_out, at, n, v + 2);
		if (parts < 0 || send_pdu(c, h, v, parts, n))
			return fail(c, "the target asks for data that are not there");
		at += n;
	}
	return 0;
}

int iscsi_scsi_command_async(struct iscsi_context *c, int lun, struct scsi_task *t, iscsi_command_cb done,
			     struct iscsi_data *unused, void *priv)
{
	uint8_t h[BHS] = { 0x01 };
	struct iovec v[PARTS];
	uint32_t length = (uint32_t)t->expxferlen, now = 0, first = 0;
	int i, parts = 0;

	(void)unused;
	for (i = 0; i < IN_FLIGHT && c->flights[i].used; i++)
		;
	if (i == IN_FLIGHT)
		return fail(c, "too many commands in flight");
	c->flights[i] = (struct flight){ t, done, priv, 1 };
	t->itt = c->next_itt++;
	t->lun = (uint32_t)lun;
	if (t->xfer_dir == SCSI_XFER_WRITE) {
		first = c->initial_r2t ? 0 : length < c->first_burst ? length : c->first_burst;
		if (c->immediate) {
			now = length < c->segment ? length : c->segment;
			now = now < c->first_burst ? now : c->first_burst;
		}
		parts = pieces(&t->iovector_out, 0, now, v + 2);
	}
	h[1] = (first > now ? 0 : 0x80) | (t->xfer_dir == SCSI_XFER_READ ? 0x40 : 0) |
	       (t->xfer_dir == SCSI_XFER_WRITE ? 0x20 : 0) | 1;
	h[9] = (uint8_t)lun;
	put32(h + 16, t->itt);
	put32(h + 20, length);
	put32(h + 24, c->cmd_sn++);
	memcpy(h + 32, t->cdb, 16);
	if (parts < 0 || send_pdu(c, h, v, parts, now))
		return -1;
	return first > now ? send_data(c, t, ~0u, now, first) : 0;
}

static int end(struct iscsi_context *c, struct flight *f, const uint8_t *r)
{
	f->used = 0;
	c->exp_stat_sn = get32(r + 24) + 1;
	f->task->residual_status = r[1] & 4 ? SCSI_RESIDUAL_OVERFLOW : r[1] & 2 ? SCSI_RESIDUAL_UNDERFLOW
									     : SCSI_RESIDUAL_NO_RESIDUAL;
	f->task->residual = get32(r + 44);
	f->done(c, r[3], f->task, f->priv);
	return 0;
}

static int ended(struct iscsi_context *c, struct flight *f, const uint8_t *r, uint32_t n)
{
	struct iovec v[1];

	if (r[2])
		return fail(c, "response %02xh", r[2]);
	if (n) {	/* sense, which the task takes along */
		f->task->datain.data = malloc(n);
		f->task->datain.size = (int)n;
		v[0] = (struct iovec){ f->task->datain.data, n };
		if (recv_data(c, v, 1, n))
			return -1;
	}
	return end(c, f, r);
}

static int data_in(struct iscsi_context *c, struct flight *f, const uint8_t *r, uint32_t n)
{
	struct iovec v[PARTS];
	int parts = pieces(&f->task->iovector_in, get32(r + 40), n, v);

	if (parts < 0)
		return fail(c, "more data than the command has room for");
	if (recv_data(c, v, parts, n))
		return -1;
	return r[1] & 1 ? end(c, f, r) : 0;
}

static int pong(struct iscsi_context *c, const uint8_t *r)
{
	uint8_t h[BHS] = { 0x40, 0x80 };
	struct iovec v[PARTS];

	memcpy(h + 8, r + 8, 8);
	put32(h + 16, ~0u);
	memcpy(h + 20, r + 20, 4);
	put32(h + 24, c->cmd_sn);
	return get32(r + 20) == ~0u ? 0 : send_pdu(c, h, v, 0, 0);
}

/* one PDU, waited for */
int iscsi_service(struct iscsi_context *c, int events)
{
	uint8_t r[BHS];
	struct flight *f = NULL;

	if (!(events & (POLLIN | POLLHUP | POLLERR)))
		return 0;
	if (recv_header(c, r))
		return -1;
	if ((r[0] & 0x3f) == 0x20)
		return pong(c, r);
	for (int i = 0; i < IN_FLIGHT; i++)
		if (c->flights[i].used && c->flights[i].task->itt == get32(r + 16))
			f = &c->flights[i];
	if (!f)
		return fail(c, "PDU %02xh for no command", r[0]);
	uint32_t n = get24(r + 5);
	switch (r[0] & 0x3f) {
	case 0x21: return ended(c, f, r, n);
	case 0x25: return data_in(c, f, r, n);
	case 0x31: return send_data(c, f->task, get32(r + 20), get32(r + 40), get32(r + 40) + get32(r + 44));
	default: return fail(c, "PDU %02xh in full feature phase", r[0]);
	}
}
