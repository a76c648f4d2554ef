/*
 * The protocol between the registry, which writes the area, and the workers,
 * which read it (src/area/area.h), for spin(1).  tests/model/check-model runs
 * it: as it is, spin finds nothing; with any one of these defined, it finds a
 * read that is wrong.
 *
 *	NO_EPOCH_CHECK		the reader looks at the epoch only once
 *	NO_SLOT_CHECK		... does not look at the slots again
 *	LATE_DROP		slots are emptied after the commit
 *	EARLY_PUT		records are put before the commit
 *	READ_UNANSWERED		the reader has a write that is unanswered
 *	SAME_LAP		a place may be used twice in a lap
 *	OPEN_EARLY		the epoch opens before the first lap is raised
 *	NO_CLOSE		a successor does not close the epoch
 *	NO_DROP_FENCE		no fence between a drop and the commit
 *	NO_EVICT_FENCE		no fence between eviction and the new record
 *	RELAXED_SLOT_STORE	the slot is not stored with release
 *	RELAXED_SLOT_LOAD	... not loaded with acquire
 *	NO_READ_FENCE		no fence between copying and looking again
 *
 * Memory.  There are two keys, which each commit writes with the same number;
 * two places in the ring for their records of two words; and the words of the
 * header.  There is no check sum: the slot alone has to do.
 *
 * Stores are held in a buffer, and reach the memory in any order that C11
 * allows: those to one word in their order, a release store after all that
 * came before it, and none before a release fence that is in front of it.  A
 * sequentially consistent fence waits until the buffer is empty.  Loads are
 * made one by one, in the order of the program or, without the acquire that is
 * between them, in the other one.  (That a load is made early is modelled only
 * for those pairs which a switch separates; that two processors see two stores
 * in different orders, which no processor does that has one memory, is not.)
 *
 * The registry may die after any store.  Its successor does not know what it
 * was doing, only which lap it was in.
 *
 * To keep the number of states small, what a process does by itself is one step
 * with the load before it, and stores that follow each other are put into the
 * buffer at once: that they leave it one by one, and that the registry's death
 * takes those away which it has not made, has the same effect.
 */

#ifndef COMMITS
#define COMMITS 2
#endif
#ifndef WORKERS
#define WORKERS 1
#endif
#define BUFFER 12

/* Words of the memory; those of the record at place p are RECORD + 2 * p. */
#define EPOCH 0
#define HEADER_EPOCH 1
#define FIRST_LAP 2
#define SLOT 3
#define RECORD 5
#define WORDS 9

byte memory[WORDS];

/* The buffer of the registry's stores, the oldest first. */
mtype = { RELAXED, RELEASE, FENCE };
byte buffer_word[BUFFER], buffer_value[BUFFER];
mtype buffer_kind[BUFFER];
byte buffered;

/* The truth. */
byte committed = 1; /* the number of the last commit */
byte answered; /* ... of the last one whose writer knows of it */
byte seen; /* ... of the latest one that a read has shown which has ended */
byte lap = 1; /* in the header */

#define store(w, v, k) \
	buffered < BUFFER -> \
	buffer_word[buffered] = w; \
	buffer_value[buffered] = v; \
	buffer_kind[buffered] = k; \
	buffered++
#define drain() (buffered == 0)

/* May the store at n reach the memory before those in front of it? */
inline may_leave(n, yes)
{
	yes = true;
	j = 0;
	do
	:: j < n ->
		if
		:: buffer_kind[n] == RELEASE || buffer_kind[j] == FENCE ||
		   buffer_word[j] == buffer_word[n] -> yes = false
		:: else
		fi;
		j++
	:: else -> break
	od
}

inline remove(n)
{
	j = n;
	do
	:: j + 1 < buffered ->
		buffer_word[j] = buffer_word[j + 1];
		buffer_value[j] = buffer_value[j + 1];
		buffer_kind[j] = buffer_kind[j + 1];
		j++
	:: else -> break
	od;
	buffered--;
	buffer_word[buffered] = 0;
	buffer_value[buffered] = 0;
	buffer_kind[buffered] = 0
}

active proctype Bus()
{
	byte n, j;
	bool yes;

end:	do
	:: atomic {
		buffered > 0 ->
		select(n : 0 .. BUFFER - 1);
		if
		:: n >= buffered || buffer_kind[n] == FENCE -> yes = false
		:: else -> may_leave(n, yes)
		fi;
		if
		:: yes ->
			memory[buffer_word[n]] = buffer_value[n];
			remove(n)
		:: else
		fi;
		/* A fence with nothing in front of it has done its work. */
		do
		:: buffered > 0 && buffer_kind[0] == FENCE -> remove(0)
		:: else -> break
		od;
		n = 0;
		j = 0;
		yes = false
	   }
	od
}

/* The registry */

inline drop(k)
{
	if
	:: slots[k] != 0 ->
		store(SLOT + k, 0, RELAXED);
		slots[k] = 0
	:: else
	fi
}

inline fence_drops()
{
#ifndef NO_DROP_FENCE
	drain()
#else
	skip
#endif
}

/* Writes the record of key k to the next place. */
inline put(k, number)
{
	/* What the place held has lost its slot. */
	if
	:: slots[1 - k] != 0 && slots[1 - k] % 2 == place -> drop(1 - k)
	:: else
	fi;
	drop(k);
#ifndef NO_EVICT_FENCE
	store(0, 0, FENCE);
#endif
	store(RECORD + 2 * place, (number) * 2 + k, RELAXED);
	store(RECORD + 2 * place + 1, (number) * 2 + k, RELAXED);
	slots[k] = lap * 2 + place;
#ifndef RELAXED_SLOT_STORE
	store(SLOT + k, slots[k], RELEASE);
#else
	store(SLOT + k, slots[k], RELAXED);
#endif
	place = 1 - place;
	if
#ifndef SAME_LAP
	:: place == 0 -> lap++
#endif
	:: else
	fi
}

/* None, one or both; and one that takes the place of another. */
inline put_some(number)
{
	if
	:: atomic { !cacheless -> put(0, number) }
	:: atomic { !cacheless -> put(1, number) }
	:: atomic { !cacheless ->
		put(0, number);
		put(1, number);
		if
		:: put(1, number)
		:: true
		fi
	   }
	:: true
	fi
}

inline drop_all()
{
	atomic {
		drop(0);
		drop(1)
	}
	fence_drops()
}

inline commit_one()
{
#ifndef LATE_DROP
	drop_all();
#endif
#ifdef EARLY_PUT
	put_some(committed + 1);
#endif
	committed++;
#ifdef LATE_DROP
	answered = committed;
	drop_all();
#endif
	answered = committed;
#ifndef EARLY_PUT
	put_some(committed)
#endif
}

inline close_epoch()
{
#ifndef NO_CLOSE
	atomic { store(EPOCH, number - 1, RELAXED) }
	drain()
#else
	skip
#endif
}

inline open_epoch()
{
	close_epoch();
#ifdef OPEN_EARLY
	atomic {
		store(HEADER_EPOCH, number, RELAXED);
		store(EPOCH, number, RELEASE)
	}
	drain();
#endif
	atomic {
		lap++;
		store(FIRST_LAP, lap, RELAXED);
		store(HEADER_EPOCH, number, RELAXED);
		store(EPOCH, number, RELEASE)
	}
}

/* The stores that it had not made are gone.  Those that it had made are done
 * before another process gets the lock that it had. */
inline die()
{
	atomic {
		if
		:: buffered > 0 -> select(left : 0 .. BUFFER)
		:: else
		fi;
		if
		:: left < buffered -> buffered = left
		:: else
		fi;
		left = 0
	}
	drain();
	run Registry(4)
}

proctype Registry(byte number)
{
	byte slots[2], place, left;
	bool cacheless;

	/* A successor may have no cache. */
	if
	:: number == 4 -> close_epoch(); cacheless = true
	:: true -> open_epoch()
	fi;
	/* The predecessor may have died after a commit; the first registry finds
	 * one, and puts both keys. */
	answered = committed;
	if
	:: number == 2 -> atomic { put(0, committed); put(1, committed) }
	:: else
	fi;
	do
	:: number == 2 -> die(); break
	:: committed < COMMITS -> commit_one()
	:: committed == COMMITS -> break
	od
}

/* A worker */

#define max(a, b) (a > b -> a : b)

/* Has the slot a record in this epoch? */
#define is_used(s) (s != 0 && s / 2 >= first_lap)

inline copy(s, key, one, two)
{
	if
	:: one = memory[RECORD + 2 * (s % 2)];
	   two = memory[RECORD + 2 * (s % 2) + 1]
	:: two = memory[RECORD + 2 * (s % 2) + 1];
	   one = memory[RECORD + 2 * (s % 2)]
	fi
}

/* The slot is loaded before the record, whose place it has.  A processor may
 * guess the place, though. */
inline take(k, s, one, two)
{
#ifdef RELAXED_SLOT_LOAD
	if
	:: s = 2
	:: s = 3
	fi;
	copy(s, k, one, two);
	atomic {
		if
		:: memory[SLOT + k] % 2 == s % 2 -> s = memory[SLOT + k]
		:: else -> goto ask
		fi;
		if
		:: !is_used(s) || one % 2 != k -> goto ask
		:: else
		fi
	}
#else
	atomic {
		s = memory[SLOT + k];
		if
		:: !is_used(s) -> goto ask
		:: else
		fi
	}
	copy(s, k, one, two);
	if
	:: one % 2 != k -> goto ask
	:: else
	fi
#endif
}

inline look_again(k, s)
{
#ifndef NO_SLOT_CHECK
	if
	:: memory[SLOT + k] != s -> goto ask
	:: else
	fi
#else
	skip
#endif
}

inline use_epoch()
{
	atomic {
		epoch = memory[EPOCH];
		if
#ifdef NO_EPOCH_CHECK
		:: number != 0 -> goto known
#else
		:: number == epoch -> goto known
#endif
		:: else -> number = 0
		fi;
		if
		:: epoch % 2 == 1 -> goto ask
		:: else
		fi
	}
	if
	:: memory[HEADER_EPOCH] != epoch -> goto ask
	:: else
	fi;
	first_lap = memory[FIRST_LAP];
	atomic {
		if
		:: memory[EPOCH] != epoch -> goto ask
		:: else
		fi;
		number = epoch;
		epoch = 0
	}
known:	skip
}

/* What the read must not be behind: what was answered, and what was read. */
inline begin_read()
{
	atomic {
		reads--;
		floor = max(answered, seen);
		if
		/* Its client has sent a write before this read. */
		:: writes && reads == 0 && committed < COMMITS ->
			mine = committed + 1
		:: true
		fi;
#ifndef READ_UNANSWERED
		/* The worker asks the registry instead. */
		if
		:: answered < mine -> goto ask
		:: else
		fi;
#endif
		floor = max(floor, mine)
	}
}

inline end_read()
{
	atomic {
#ifndef NO_EPOCH_CHECK
		if
		:: memory[EPOCH] != number -> goto ask
		:: else
		fi;
#endif
		assert(a0 == b0 && a1 == b1); /* not torn */
		assert(a0 / 2 == a1 / 2); /* no transaction in halves */
		assert(a0 / 2 <= committed);
		assert(a0 / 2 >= floor);
		seen = max(seen, a0 / 2)
	}
}

proctype Worker(byte reads; bool writes)
{
	byte number, first_lap, epoch, floor, mine;
	byte s0, s1, a0, b0, a1, b1;

	do
	:: reads == 0 -> break
	:: else ->
		begin_read();
		use_epoch();
		if
		:: true -> /* one key */
			take(0, s0, a0, b0);
			look_again(0, s0);
#ifdef NO_READ_FENCE
			/* The copy is made after the slot was looked at. */
			copy(s0, 0, a0, b0);
#endif
			a1 = a0;
			b1 = b0
		:: true -> /* both, as of one moment */
			take(0, s0, a0, b0);
			take(1, s1, a1, b1);
			look_again(0, s0);
			look_again(1, s1)
		fi;
		end_read();
ask:		atomic {
			s0 = 0;
			s1 = 0;
			a0 = 0;
			b0 = 0;
			a1 = 0;
			b1 = 0;
			epoch = 0;
			floor = 0
		}
	od
}

init
{
	atomic {
		run Registry(2);
		run Worker(2, true);
#if WORKERS > 1
		run Worker(1, false)
#endif
	}
}
