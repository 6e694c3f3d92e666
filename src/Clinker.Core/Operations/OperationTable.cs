using System.Data.Common;
using System.Globalization;
using System.Text.Json;
using Clinker.Store;

namespace Clinker.Operations;

/// <summary>Which operation rows change, under which condition. All times are the database's.</summary>
public readonly struct OperationTable(Tx tx)
{
    const string Columns = "id, kind, arguments, queue, status, generation, owner, lease_until, run_after, handed_at, attempts, "
        + "about_kind, about_id, project_id, request_id, fault, created_at, updated_at, bytes_done, bytes_total";

    static readonly Sql All = Sql.Raw(Columns);
    /// <summary>What a stuck operation goes on as: what stopped it may have come before any fault, or after one.</summary>
    static readonly Sql AfterStuck = Sql.Raw("case when exists (select 1 from journal j where j.operation = operation.id and j.step = '' "
        + "and j.event = 'fault') then 'unwinding' else 'queued' end");

    /// <summary>In which an operation waits for its turn at a volume's files.</summary>
    internal const string TurnStep = "files";

    /// <summary>When what only a person may resume is tried again.</summary>
    public static readonly DateTime Never = new(9999, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    static readonly Sql Live = Sql.Raw("status in ('queued', 'running', 'unwinding')");

    /// <summary>
    /// Starts an operation: durable with the transaction, seen by workers once it is committed. The holds keep their
    /// resources from being deleted until the operation has ended.
    /// </summary>
    public async Task Start(string id, Operation operation, string queue, string? projectId, string? requestId,
        params IEnumerable<About> holding)
    {
        var arguments = JsonSerializer.Serialize(operation, operation.Json);
        await tx.Execute($"""
            insert into operation (id, kind, arguments, queue, status, generation, lease_until, run_after, attempts,
              about_kind, about_id, project_id, request_id, replacing, created_at, updated_at)
            values ({id}, {operation.Json.Type.Name}, {arguments}, {queue}, 'queued', 0, 0, {tx.Now}, 0,
              {operation.About.Kind}, {operation.About.Id}, {projectId}, {requestId}, 0, {tx.Now}, {tx.Now})
            """);
        foreach (var held in holding)
            await tx.Execute($"insert into hold (operation, kind, id) values ({id}, {held.Kind}, {held.Id})");
        tx.Wake(queue);
    }

    /// <summary>Starts one as if it had been handed over: it is taken back if the host of that queue does not come back.</summary>
    public async Task StartHanded(string id, Operation operation, string queue, string? projectId, string? requestId)
    {
        await Start(id, operation, queue, projectId, requestId);
        await Hand(id, queue, keep: false);
    }

    /// <summary>Not before then, for one that was just accepted and that nobody has taken; or now, for one that was so put off.</summary>
    public async Task Defer(string id, DateTime until)
    {
        var queue = await tx.One<string?>(
            $"update operation set run_after = {until} where id = {id} and status in ('queued', 'unwinding') and generation = 0 returning queue", r => r.GetString(0));
        if (queue is not null) tx.Wake(queue);
    }

    /// <summary>Ends one that nobody has taken yet, as failed; false when somebody has.</summary>
    public async Task<bool> Withdraw(string id, Fault because)
    {
        var changed = await tx.Execute($"""
            update operation set status = 'failed', fault = {Text(because)}, updated_at = {tx.Now}
            where id = {id} and status in ('queued', 'unwinding') and generation = 0
            """);
        if (changed == 1) await tx.Execute($"delete from hold where operation = {id}");
        return changed == 1;
    }

    /// <summary>
    /// Leases up to <paramref name="most"/> due operations of these queues: those nobody runs, and those whose lease ran out.
    /// </summary>
    public async Task<List<OperationRow>> Claim(IReadOnlyCollection<string> queues, string owner, TimeSpan lease, int most)
    {
        var until = tx.Now + lease;
        return await tx.Query($"""
            update operation set owner = {owner}, generation = generation + 1, lease_until = {until}, handed_at = null,
              status = case when status = 'queued' then 'running' else status end, updated_at = {tx.Now}
            where id in ({Due(queues, most)})
            returning {All}
            """, Read);
    }

    /// <summary>The ids of up to <paramref name="most"/> due operations that nobody is taking, the longest due first.</summary>
    public Sql Due(IReadOnlyCollection<string> queues, int most) => $"""
        select id from operation
        where queue in ({Sql.List(queues)}) and {Live} and run_after <= {tx.Now} and lease_until <= {tx.Now}
        order by run_after limit {most}{tx.Dialect.ForUpdateSkipLocked}
        """;

    /// <summary>When the next operation of these queues is due; null when there is none.</summary>
    public async Task<DateTime?> NextDue(IReadOnlyCollection<string> queues)
    {
        var at = await tx.Number($"""
            select min(case when run_after > lease_until then run_after else lease_until end) from operation
            where queue in ({Sql.List(queues)}) and {Live}
            """);
        return at == 0 ? null : Micros.ToTime(at);
    }

    /// <summary>Keeps leases; gives the ids of those that still were this owner's.</summary>
    public async Task<List<string>> Renew(string owner, IReadOnlyCollection<(string Id, long Generation)> held, TimeSpan lease)
    {
        if (held.Count == 0) return [];
        var pairs = Sql.Join(" or ", held.Select(h => Sql.Of($"(id = {h.Id} and generation = {h.Generation})")));
        return await tx.Query($"""
            update operation set lease_until = {tx.Now + lease} where owner = {owner} and ({pairs}) returning id
            """, r => r.GetString(0));
    }

    /// <summary>Whether this generation still holds the lease; renews it and notes progress if so. Every journal write asks.</summary>
    /// <param name="moved">How far the data that it moves is; null: it has moved none.</param>
    public async Task<bool> Fence(string id, long generation, TimeSpan lease, (long Done, long Total)? moved = null) => 1 == await tx.Execute($"""
        update operation set lease_until = {tx.Now + lease}, attempts = 0, updated_at = {tx.Now},
          bytes_done = coalesce({moved?.Done}, bytes_done), bytes_total = coalesce({moved?.Total}, bytes_total)
        where id = {id} and generation = {generation} and owner is not null
        """);

    /// <summary>Notes how far the data that it moves is, if this generation still holds the lease.</summary>
    public Task NoteMoved(string id, long generation, (long Done, long Total) moved) => tx.Execute($"""
        update operation set bytes_done = {moved.Done}, bytes_total = {moved.Total}
        where id = {id} and generation = {generation} and owner is not null
        """);

    /// <summary>Whether this generation still holds the lease: nobody else has taken it.</summary>
    public async Task<bool> Holds(string id, long generation) => 0 < await tx.Number(
        $"select count(*) from operation where id = {id} and generation = {generation} and owner is not null");

    /// <summary>Lets all leases go. For a start that is sure of it that no other process works on this database.</summary>
    public Task LetGoAll() => tx.Execute($"""
        update operation set status = case when status = 'running' then 'queued' else status end, owner = null, lease_until = 0
        where owner is not null
        """);

    public Task Journal(string id, string step, string @event, string? data) => tx.Execute($"""
        insert into journal (operation, step, event, data, at) values ({id}, {step}, {@event}, {data}, {tx.Now})
        """);

    /// <summary>Notes that up to this lease nothing of a step was done.</summary>
    public Task JournalUntouched(string id, string step, long generation)
    {
        var data = generation.ToString(CultureInfo.InvariantCulture);
        return tx.Execute($"""
            insert into journal (operation, step, event, data, at) values ({id}, {step}, {JournalEvent.Untouched}, {data}, {tx.Now})
            on conflict (operation, step, event) do update set data = excluded.data, at = excluded.at
            """);
    }

    /// <summary>
    /// Whether an operation that has turned round did so in a step of which nothing was ever done, or before it: where it is handed over, or waits
    /// for its turn.
    /// </summary>
    public async Task<bool> WasUntouched(string id, string step) => 0 < await tx.Number($"""
        select count(*) from journal
        where operation = {id} and (step = {step} or step = {TurnStep} or substr(step, 1, 1) = '→') and event = {JournalEvent.Undone} and data = {JournalEvent.Untouched}
        """);

    /// <summary>Notes that an operation comes to put another content in the place of a volume's; false when the lease was lost.</summary>
    public async Task<bool> ComesToReplace(string id, long generation) => 1 == await tx.Execute(
        $"update operation set replacing = 1 where id = {id} and generation = {generation} and owner is not null");

    /// <summary>
    /// Whether a volume whose content an operation was to replace in a step is as if that had not been asked for: nothing was done, or it was
    /// cancelled before it came to replace anything. After another fault in the step it is in error, as with Cinder: who waits for it is not to take
    /// that for success.
    /// </summary>
    public async Task<bool> LeftAlone(string id, string step, Fault because) => await WasUntouched(id, step)
        || (because is Fault.Cancelled && await tx.Number($"select count(*) from operation where id = {id} and replacing = 0") == 1);

    public Task<List<JournalEntry>> Journal(string id) => tx.Query(
        $"select step, event, data, at from journal where operation = {id} order by at, step, event",
        r => new JournalEntry(r.GetString(0), r.GetString(1), r.Text(2), r.Time(3)));

    /// <summary>Moves it to another queue. Without <paramref name="keep"/> the lease is let go.</summary>
    public async Task Hand(string id, string queue, bool keep)
    {
        await tx.Execute(keep
            ? (Sql)$"update operation set queue = {queue} where id = {id}"
            : $"""
              update operation set queue = {queue}, status = 'queued', owner = null, lease_until = 0, handed_at = {tx.Now},
                run_after = {tx.Now} where id = {id}
              """);
        if (!keep) tx.Wake(queue);
    }

    /// <summary>
    /// Puts it back to be taken again at <paramref name="runAfter"/>, or at once if something was said to it meanwhile, or it was nudged: it
    /// may have looked before that. False when the lease was lost.
    /// </summary>
    /// <param name="taken">As it was then.</param>
    public async Task<bool> PutBack(OperationRow taken, DateTime runAfter, int attempts, Fault? because)
    {
        var row = await tx.One($"""
            update operation set status = case when status = 'running' then 'queued' else status end, owner = null,
              lease_until = 0, run_after = case when run_after = {taken.RunAfter} then {runAfter} else {tx.Now} end, attempts = {attempts},
              fault = coalesce({Text(because)}, fault), updated_at = {tx.Now}
            where id = {taken.Id} and generation = {taken.Generation} and owner is not null returning queue
            """, r => r.GetString(0));
        if (row is null) return false;
        tx.Wake(row);
        return true;
    }

    /// <summary>
    /// Stops it for a person; false when the lease was lost. It keeps its holds. From <paramref name="tryAgain"/> on
    /// <see cref="ResumeStuck"/> may try it again; null: only a person may.
    /// </summary>
    public async Task<bool> Stick(string id, long generation, Fault because, DateTime? tryAgain) => 1 == await tx.Execute($"""
        update operation set status = 'stuck', owner = null, lease_until = 0, fault = {Text(because)},
          run_after = {tryAgain ?? Never}, updated_at = {tx.Now}
        where id = {id} and generation = {generation} and owner is not null
        """);

    /// <summary>Ends it; false when the lease was lost. Ended operations hold nothing.</summary>
    public async Task<bool> End(string id, long generation, string status, Fault? because)
    {
        var changed = await tx.Execute($"""
            update operation set status = {status}, owner = null, lease_until = 0, fault = coalesce({Text(because)}, fault),
              updated_at = {tx.Now}
            where id = {id} and generation = {generation} and owner is not null
            """);
        if (changed == 1) await tx.Execute($"delete from hold where operation = {id}");
        return changed == 1;
    }

    /// <summary>Notes the fault that turned it round.</summary>
    public Task Unwind(string id, Fault because) => tx.Execute($"""
        update operation set status = 'unwinding', attempts = 0, fault = {Text(because)}, updated_at = {tx.Now} where id = {id}
        """);

    /// <summary>Lets a stuck operation go on: forwards, or with its undos once it had turned round. False when it was not stuck.</summary>
    public async Task<bool> Resume(string id)
    {
        var queue = await tx.One($"""
            update operation set status = {AfterStuck}, attempts = 0, run_after = {tx.Now}, updated_at = {tx.Now}
            where id = {id} and status = 'stuck' returning queue
            """, r => r.GetString(0));
        if (queue is not null) tx.Wake(queue);
        return queue is not null;
    }

    /// <summary>
    /// Lets stuck operations of a queue try once more, those first that have waited longest; gives how many. For a backend that
    /// serves: what stuck since it was away goes on by itself, what fails again is stuck at once, and never many at a time.
    /// </summary>
    public async Task<int> ResumeStuck(string queue, int most)
    {
        var resumed = await tx.Execute($"""
            update operation set status = {AfterStuck}, updated_at = {tx.Now}
            where id in (select id from operation where queue = {queue} and status = 'stuck' and run_after <= {tx.Now}
              order by run_after limit {most}{tx.Dialect.ForUpdateSkipLocked})
            """);
        if (resumed > 0) tx.Wake(queue);
        return resumed;
    }

    /// <summary>
    /// Turns round what is under way, whoever has it: he has lost the lease with this transaction, and stops at once. What was handed over and not
    /// taken is undone where it came from. One that nobody has ever taken waits as long as it would have: what its request still does may have to be undone.
    /// </summary>
    /// <exception cref="FaultException">NotFound; Conflict: it has ended or turned round, or can't be taken back whole.</exception>
    public async Task Cancel(string id, OperationKinds kinds)
    {
        var row = await tx.One<OperationRow?>($"select {All} from operation where id = {id}{tx.Dialect.ForUpdate}", Read)
            ?? throw new Fault.NotFound("Operation", id).Thrown();
        if (row.Status is not (OperationStatus.Queued or OperationStatus.Running))
            throw new Fault.Conflict($"Operation {id} is {row.Status}: only one that is queued or running can be cancelled.").Thrown();
        if (kinds.Read(row) is not { } operation || !operation.MayBeCancelled(await Journal(id)))
            throw new Fault.Conflict($"Operation {id} can't be cancelled: a {row.Kind} that has come so far can't be taken back. Wait for its end.").Thrown();
        var because = new Fault.Cancelled();
        var queue = row.HandedAt is null ? row.Queue : Queues.Scheduler;
        await tx.Execute($"""
            update operation set status = 'unwinding', queue = {queue}, generation = {row.Generation + (row.Owner is null ? 0 : 1)}, owner = null,
              lease_until = 0, handed_at = null, attempts = 0, fault = {Text(because)}, updated_at = {tx.Now},
              run_after = {(row.Generation == 0 ? row.RunAfter : tx.Now)}
            where id = {id}
            """);
        if (row.HandedAt is not null) await Unhand(id, row.Queue);
        await Journal(id, "", JournalEvent.Fault, Text(because));
        if (row.Owner is not null) tx.Wake(LeaseName(id, row.Generation));
        tx.Wake(queue);
    }

    /// <summary>What is woken when the lease of a generation is taken from whoever has it.</summary>
    internal static string LeaseName(string id, long generation) => string.Create(CultureInfo.InvariantCulture, $"lease {generation} of {id}");

    /// <summary>Nobody began what comes after the handing over, the last of several: the replay is to turn round there.</summary>
    async Task Unhand(string id, string queue)
    {
        var handing = "→" + queue;
        await tx.Execute($"""
            delete from journal where operation = {id} and step = (select step from journal
              where operation = {id} and (step = {handing} or substr(step, 1, length({handing}) + 1) = {handing} || ' ')
              order by at desc, length(step) desc, step desc limit 1)
            """);
    }

    /// <summary>
    /// Takes back what was handed to a queue that nobody served since: given to <paramref name="queue"/>, where it unwinds.
    /// </summary>
    public async Task<int> TakeBack(string deadQueue, DateTime handedBefore, string queue, Fault because)
    {
        var ids = await tx.Query($"""
            update operation set queue = {queue}, status = 'unwinding', handed_at = null, fault = {Text(because)}, run_after = {tx.Now},
              updated_at = {tx.Now}
            where queue = {deadQueue} and status = 'queued' and handed_at <= {handedBefore} returning id
            """, r => r.GetString(0));
        foreach (var id in ids)
        {
            await Unhand(id, deadQueue);
            await Journal(id, "", JournalEvent.Fault, Text(because));
        }
        if (ids.Count > 0) tx.Wake(queue);
        return ids.Count;
    }

    /// <summary>Queues to which something was handed before a time and that no worker has taken up since.</summary>
    public Task<List<string>> WaitingSince(DateTime handedBefore) => tx.Query(
        $"select distinct queue from operation where {Live} and status = 'queued' and handed_at <= {handedBefore}", r => r.GetString(0));

    public Task<OperationRow?> Get(string id) => tx.One<OperationRow?>($"select {All} from operation where id = {id}", Read);

    /// <summary>One page.</summary>
    /// <exception cref="FaultException">NotFound: the marker is no operation.</exception>
    public async Task<List<OperationRow>> List(ListQuery query)
    {
        if (query.Marker is { } marker && await Get(marker) is null) throw new Fault.NotFound("Operation", marker).Thrown();
        return await tx.Query($"select {All} from operation{ListSql.Page(query, "operation", tx.Dialect)}", Read);
    }

    /// <summary>Whether something is under way (or stuck) about a resource.</summary>
    public async Task<bool> AnyLive(About about) => 0 < await tx.Number($"""
        select count(*) from operation where about_kind = {about.Kind} and about_id = {about.Id}
          and status in ('queued', 'running', 'unwinding', 'stuck')
        """);

    /// <summary>Whether something of these kinds is under way about a resource: anything, or what was accepted before an operation.</summary>
    public async Task<bool> AnyLive(About about, IReadOnlyCollection<string> kinds, OperationRow? before = null)
    {
        Sql older = before is null ? Sql.Nothing
            : $" and (created_at < {before.CreatedAt} or (created_at = {before.CreatedAt} and id < {before.Id}))";
        return 0 < await tx.Number($"""
            select count(*) from operation
            where about_kind = {about.Kind} and about_id = {about.Id} and kind in ({Sql.List(kinds)}) and {Live}{older}
            """);
    }

    /// <summary>Whether something of a kind is under way in a queue.</summary>
    public async Task<bool> AnyIn(string queue, string kind) =>
        0 < await tx.Number($"select count(*) from operation where queue = {queue} and kind = {kind} and {Live}");

    /// <summary>Whether something about a resource has failed since a time, or is stuck.</summary>
    public async Task<bool> FailedSince(About about, DateTime time) => 0 < await tx.Number($"""
        select count(*) from operation where about_kind = {about.Kind} and about_id = {about.Id}
          and (status = 'stuck' or (status = 'failed' and updated_at >= {time}))
        """);

    /// <summary>Whether something of another kind than these is under way (or stuck) about a resource.</summary>
    public async Task<bool> AnyOther(About about, IReadOnlyCollection<string> kinds) => 0 < await tx.Number($"""
        select count(*) from operation where about_kind = {about.Kind} and about_id = {about.Id} and kind not in ({Sql.List(kinds)})
          and status in ('queued', 'running', 'unwinding', 'stuck')
        """);

    /// <summary>
    /// What was accepted first of these kinds about a resource, and waits to be tried again, is tried now. For the end of what it
    /// waited for.
    /// </summary>
    public async Task Hasten(About about, IReadOnlyCollection<string> kinds, OperationRow after)
    {
        var queue = await tx.One($"""
            update operation set run_after = {tx.Now}, attempts = 0
            where id = (select id from operation
                where about_kind = {about.Kind} and about_id = {about.Id} and kind in ({Sql.List(kinds)}) and {Live}
                  and id <> {after.Id}
                order by created_at, id limit 1)
              and status = 'queued' and run_after > {tx.Now} returning queue
            """, r => r.GetString(0));
        if (queue is not null) tx.Wake(queue);
    }

    /// <summary>
    /// Gives an operation about a resource a word that it waits for, and wakes it; its id, or null when none does. The first word stands.
    /// </summary>
    /// <param name="after">The step behind which it waits.</param>
    /// <param name="step">The one that takes the word.</param>
    public Task<string?> Tell(About about, string after, string step, string word) =>
        TellWhom($"about_kind = {about.Kind} and about_id = {about.Id}", after, step, word);

    /// <summary>As <see cref="Tell"/>, to the operation of an id; false when it does not wait for it.</summary>
    public async Task<bool> TellOne(string operation, string after, string step, string word) => await TellWhom($"id = {operation}", after, step, word) is not null;

    async Task<string?> TellWhom(Sql whom, string after, string step, string word)
    {
        var id = await tx.One<string?>($"""
            select id from operation where {whom} and status in ('queued', 'running')
              and exists (select 1 from journal j where j.operation = operation.id and j.step = {after} and j.event = {JournalEvent.Done})
              and not exists (select 1 from journal j where j.operation = operation.id and j.step = {step} and j.event = {JournalEvent.Done})
            """, r => r.GetString(0));
        if (id is null) return null;
        await tx.Execute($"""
            insert into journal (operation, step, event, data, at) values ({id}, {step}, {JournalEvent.Told}, {word}, {tx.Now})
            on conflict (operation, step, event) do nothing
            """);
        await Call($"id = {id}");
        return id;
    }

    /// <summary>
    /// Has operations look again now, if they wait; or as soon as they would wait, if they are at work. That shows in when one was due: nothing else
    /// changes it while it is taken.
    /// </summary>
    async Task Call(Sql whom)
    {
        foreach (var queue in await tx.Query($"""
            update operation set run_after = case when status = 'running' and run_after >= {tx.Now} then run_after + 1 else {tx.Now} end
            where status in ('queued', 'running') and {whom} returning queue
            """, r => r.GetString(0))) tx.Wake(queue);
    }

    /// <summary>Has the operation that holds something look again now, if it waits.</summary>
    public Task Nudge(About held) => Call($"id in (select operation from hold where kind = {held.Kind} and id = {held.Id})");

    /// <summary>Has an operation hold one more resource until it has ended.</summary>
    public Task Hold(string id, About held) => tx.Execute($"insert into hold (operation, kind, id) values ({id}, {held.Kind}, {held.Id})");

    /// <summary>Has it hold that no more.</summary>
    public Task LetGo(string id, About held) => tx.Execute($"delete from hold where operation = {id} and kind = {held.Kind} and id = {held.Id}");

    /// <summary>Whether this operation holds it.</summary>
    public async Task<bool> Holds(string id, About held) =>
        0 < await tx.Number($"select count(*) from hold where operation = {id} and kind = {held.Kind} and id = {held.Id}");

    /// <summary>Whether an operation that has come past a step reads a volume or one of its snapshots.</summary>
    public async Task<bool> AnyReader(string volumeId, string step, string otherThan) => 0 < await tx.Number($"""
        select count(*) from journal j join operation o on o.id = j.operation
        where j.step = {step} and j.event = {JournalEvent.Done} and o.id <> {otherThan} and o.status in ('queued', 'running', 'unwinding', 'stuck')
          and ((o.about_kind = 'volume' and o.about_id = {volumeId})
            or exists (select 1 from hold h where h.operation = o.id and ((h.kind = 'volume' and h.id = {volumeId})
              or (h.kind = 'snapshot' and h.id in (select s.id from snapshot s where s.volume_id = {volumeId})))))
        """);

    /// <summary>Whether an operation reads from the resource and so keeps it from being deleted.</summary>
    public async Task<bool> Held(About about) =>
        0 < await tx.Number($"select count(*) from hold where kind = {about.Kind} and id = {about.Id}");

    /// <summary>Whether something is under way about the resource, or reads from it.</summary>
    public async Task<bool> Busy(About about) => await AnyLive(about) || await Held(about);

    /// <summary>The ids of all volumes, snapshots and files that something is under way about (or stuck), or that something holds.</summary>
    public async Task<HashSet<string>> AtWork() => [.. await tx.Query($"""
        select about_id from operation where about_kind in ('volume', 'snapshot', 'file') and status in ('queued', 'running', 'unwinding', 'stuck')
        union select id from hold where kind in ('volume', 'snapshot', 'files')
        """, r => r.GetString(0))];

    /// <summary>Whether an operation of this kind holds it.</summary>
    public async Task<bool> Held(About about, string kind) => 0 < await tx.Number($"""
        select count(*) from hold h join operation o on o.id = h.operation
        where h.kind = {about.Kind} and h.id = {about.Id} and o.kind = {kind}
        """);

    /// <summary>How many operations are in each status.</summary>
    public Task<List<(string Status, long Count)>> Counts() =>
        tx.Query($"select status, count(*) from operation group by status", r => (r.GetString(0), r.GetInt64(1)));

    /// <summary>Forgets operations that ended before a time, with their journals.</summary>
    public Task<int> Forget(DateTime endedBefore, int most) => tx.Execute($"""
        delete from operation where id in (select id from operation
          where status in ('done', 'failed') and updated_at < {endedBefore} limit {most})
        """);

    static string? Text(Fault? fault) => fault is null ? null : JsonSerializer.Serialize(fault, CoreJson.Default.Fault);

    static OperationRow Read(DbDataReader r) => new(
        r.GetString(0), r.GetString(1), r.GetString(2), r.GetString(3), r.GetString(4), r.GetInt64(5), r.Text(6), r.Time(7),
        r.Time(8), r.TimeOrNull(9), r.GetInt32(10), new About(r.GetString(11), r.GetString(12)), r.Text(13), r.Text(14), r.Text(15),
        r.Time(16), r.Time(17))
    {
        BytesDone = r.NumberOrNull(18),
        BytesTotal = r.NumberOrNull(19),
    };
}

/// <summary>What recovery reads.</summary>
public sealed record JournalEntry(string Step, string Event, string? Data, DateTime At);

/// <summary>The events of a journal.</summary>
public static class JournalEvent
{
    /// <summary>The act took effect; data is its result.</summary>
    public const string Done = "done";
    /// <summary>The undo took effect, or was not needed: then data is <see cref="Untouched"/>.</summary>
    public const string Undone = "undone";
    /// <summary>Up to the lease whose generation is the data, nothing of the act was done.</summary>
    public const string Untouched = "untouched";
    /// <summary>The act failed and is not tried again, but the operation is to go on without it; data is the fault.</summary>
    public const string Failed = "failed";
    /// <summary>What somebody outside said, for which the step waits; data is the word.</summary>
    public const string Told = "told";
    /// <summary>What failed so was taken back; data is the fault.</summary>
    public const string GivenUp = "given up";
    /// <summary>Under the empty step name: the fault that turned the operation round.</summary>
    public const string Fault = "fault";

    public static bool IsFault(JournalEntry entry) => entry.Step.Length == 0 && entry.Event == Fault;
}
