/*-------------------------------------------------------------------------
 *
 * scheduler.c
 *		Backends as coroutines of one thread, which take turns at accesses to
 *		shared memory as a seed has it.
 *
 * What the simulated sources keep in static variables belongs to a backend.
 * The linker has put the variables of src/xact into one section, which is
 * copied out and in when another backend runs.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ucontext.h>

#include "simulation.h"

#define STACK_SIZE	(256 * 1024)

extern char __start_backend_data[];
extern char __stop_backend_data[];

int			sim_backend;
uint64		sim_steps;
int			sim_patience;

static ucontext_t contexts[MAX_BACKENDS];
static ucontext_t scheduler;
static char *stacks[MAX_BACKENDS];
static char *statics[MAX_BACKENDS];
static char *pristine = NULL;
static bool ended[MAX_BACKENDS];
static int	nbackends;
static int	nended;
static bool running = false;	/* not while a seed is prepared or looked at */
static uint64 last_step;
static uint64 yields;
static void (*backend_body) (int backend);

static Size
statics_size(void)
{
	return __stop_backend_data - __start_backend_data;
}

static void
begin(int backend)
{
	backend_body(backend);
	ended[backend] = true;
	nended++;
	swapcontext(&contexts[backend], &scheduler);
}

void
sim_start(int n, void (*body) (int backend))
{
	if (pristine == NULL)
	{
		pristine = malloc(statics_size());
		memcpy(pristine, __start_backend_data, statics_size());
	}
	nbackends = n;
	nended = 0;
	backend_body = body;
	for (volatile int i = 0; i < n; i++)
	{
		if (stacks[i] == NULL)
		{
			stacks[i] = malloc(STACK_SIZE);
			statics[i] = malloc(statics_size());
		}
		/* what was set up before counts for all */
		memcpy(statics[i], __start_backend_data, statics_size());
		ended[i] = false;
		getcontext(&contexts[i]);
		contexts[i].uc_stack.ss_sp = stacks[i];
		contexts[i].uc_stack.ss_size = STACK_SIZE;
		contexts[i].uc_link = NULL;
		makecontext(&contexts[i], (void (*) (void)) begin, 1, i);
	}
}

/* Run the backends, until they have made so many steps and ended. */
void
sim_run(uint64 steps)
{
	last_step = sim_steps + steps;
	yields = 0;
	running = true;
	while (nended < nbackends)
	{
		do
			sim_backend = (int) sim_random(nbackends);
		while (ended[sim_backend]);
		memcpy(__start_backend_data, statics[sim_backend], statics_size());
		sim_memory_enter(sim_backend);
		swapcontext(&scheduler, &contexts[sim_backend]);
		sim_memory_leave(sim_backend);
		memcpy(statics[sim_backend], __start_backend_data, statics_size());
	}
	running = false;
	memcpy(__start_backend_data, pristine, statics_size());
}

/* Whether the backends should end. */
bool
sim_ending(void)
{
	return sim_steps >= last_step;
}

/* Let others run. */
void
sim_yield(void)
{
	if (++yields > 100 * last_step)
		fail("the backends do not end");
	swapcontext(&contexts[sim_backend], &scheduler);
}

/* An access to shared memory: a moment at which another backend may run. */
void
sim_step(void)
{
	if (!running)
		return;
	sim_steps++;
	if (sim_random(sim_patience) == 0)
		swapcontext(&contexts[sim_backend], &scheduler);
}
