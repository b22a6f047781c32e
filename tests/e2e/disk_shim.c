/*
 * Lets the unmodified iscsi-test-cu run against a logical unit that is no disk.
 *
 * The program gives up at its start unless READ CAPACITY(10) succeeds.  Preloaded, this sends
 * TEST UNIT READY in place of the first one and answers 65536 blocks of 512 bytes; every later
 * READ CAPACITY(10) goes to the target as it is.
 *
 *   cc -O2 -shared -fPIC -o disk_shim.so disk_shim.c -ldl
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <iscsi/iscsi.h>
#include <iscsi/scsi-lowlevel.h>

enum { READ_CAPACITY_10 = 0x25 };

static const unsigned char capacity[8] = { 0x00, 0x00, 0xff, 0xff, 0x00, 0x00, 0x02, 0x00 };

typedef int send_async(struct iscsi_context *, int, struct scsi_task *, iscsi_command_cb,
		       struct iscsi_data *, void *);
typedef struct scsi_task *send_sync(struct iscsi_context *, int, struct scsi_task *,
				    struct iscsi_data *);

struct caller {
	iscsi_command_cb callback;
	void *data;
};

/* Turns the first READ CAPACITY(10) into TEST UNIT READY; says whether it did. */
static bool disguise(struct scsi_task *task)
{
	static bool done;

	if (done || task->cdb[0] != READ_CAPACITY_10)
		return false;
	done = true;
	memset(task->cdb, 0, sizeof task->cdb);
	task->cdb_size = 6;
	task->xfer_dir = SCSI_XFER_NONE;
	task->expxferlen = 0;
	return true;
}

/* Makes a finished TEST UNIT READY look like the READ CAPACITY(10) that was asked for. */
static void reveal(struct scsi_task *task)
{
	task->cdb[0] = READ_CAPACITY_10;
	task->cdb_size = 10;
	if (task->status != SCSI_STATUS_GOOD)
		return;
	task->datain.data = malloc(sizeof capacity);
	task->datain.size = sizeof capacity;
	memcpy(task->datain.data, capacity, sizeof capacity);
	task->xfer_dir = SCSI_XFER_READ;
	task->expxferlen = sizeof capacity;
	task->residual_status = SCSI_RESIDUAL_NO_RESIDUAL;
	task->residual = 0;
}

static void finished(struct iscsi_context *iscsi, int status, void *data, void *private_data)
{
	struct caller caller = *(struct caller *)private_data;

	free(private_data);
	if (data != NULL)
		reveal(data);
	caller.callback(iscsi, status, data, caller.data);
}

int iscsi_scsi_command_async(struct iscsi_context *iscsi, int lun, struct scsi_task *task,
			     iscsi_command_cb callback, struct iscsi_data *data, void *private_data)
{
	send_async *send = (send_async *)dlsym(RTLD_NEXT, "iscsi_scsi_command_async");
	struct caller *caller;

	if (!disguise(task))
		return send(iscsi, lun, task, callback, data, private_data);
	caller = malloc(sizeof *caller);
	caller->callback = callback;
	caller->data = private_data;
	return send(iscsi, lun, task, finished, data, caller);
}

struct scsi_task *iscsi_scsi_command_sync(struct iscsi_context *iscsi, int lun,
					  struct scsi_task *task, struct iscsi_data *data)
{
	send_sync *send = (send_sync *)dlsym(RTLD_NEXT, "iscsi_scsi_command_sync");
	bool disguised = disguise(task);
	struct scsi_task *done = send(iscsi, lun, task, data);

	if (disguised && done != NULL)
		reveal(done);
	return done;
}
