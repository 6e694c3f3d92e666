using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Clinker.Drivers;
using Clinker.Outside;
using Clinker.Store;

namespace Clinker.Operations;

/// <summary>
/// One run of an operation under a lease. The order of events, which recovery relies on:
/// <list type="number">
/// <item>The journal is read. A step found there is returned with its result; its undo goes on the stack.</item>
/// <item>A step that is not there: its undo goes on the stack <em>first</em>, then it acts, then its entry is written, fenced by
/// the lease's generation. A <see cref="Commit{T}"/> is one transaction with its entry inside, so it happens exactly once.</item>
/// <item>A fault that lasts is journaled. From then on every run replays up to the first step that is not in the journal (the
/// one that failed; its undo is on the stack too) and unwinds: undos from the last to the first, each journaled.</item>
/// <item>A step of which it is sure that no lease has done anything of it (<see cref="FaultException.NothingDone"/>, each time)
/// is not undone. Sure means: the run that came to it first is known, and each lease since then has said so when it put the
/// operation back. A lease that ended in any other way breaks this chain.</item>
/// <item>No row changed by a fenced write: the lease is lost. The run ends without another word.</item>
/// </list>
/// </summary>
public sealed class Saga
{
    readonly Run run;
    readonly Dictionary<(string Step, string Event), string?> journal;
    readonly HashSet<string> named = [];
    readonly Stack<(string Step, Func<Task> Undo)> undos = new();

    /// <summary>Whether no lease before this one has come past the steps that are known so far.</summary>
    bool first;

    internal Saga(Run run, IEnumerable<JournalEntry> journal)
    {
        this.run = run;
        this.journal = journal.ToDictionary(e => (e.Step, e.Event), e => e.Data);
        first = run.Row.Generation == 1;
    }

    /// <summary>Who asked for it, and under which request.</summary>
    public OperationRow Row => run.Row;

    /// <summary>Under whose lease drivers work.</summary>
    public Work Work => new(run.Row.Generation, run.Token, run.StillHeld, run.Row.Id, run.Progress);

    /// <summary>
    /// As <see cref="Work"/>, for an act that puts another content in the place of a volume's: that it comes to do so is written down before. What ends
    /// before that has left the volume as it was, and this is known then (<see cref="OperationTable.LeftAlone"/>).
    /// </summary>
    public Work Replacing => Work with { Replaces = run.ComesToReplace };

    public Means Means => run.Means;

    /// <summary>For the pauses of an act.</summary>
    public TimeProvider Time => run.Time;

    internal bool Finished { get; private set; }

    /// <summary>The step that the run has come to, when it is sure that nothing of it was ever done.</summary>
    internal string? Untouched { get; private set; }

    /// <summary>Whether it is being taken back as a whole.</summary>
    public bool Unwinding => journal.ContainsKey(("", JournalEvent.Fault));

    /// <summary>Reads rows that are fixed for this operation.</summary>
    public Task<T> Read<T>(Func<Tx, Task<T>> work) => run.Means.Db.Read(work);

    /// <summary>
    /// In the middle of an undo, a transaction without an entry: for what others need not wait for until its end. It counts as progress, so what has
    /// happened is not to be asked for again, or the undo never counts as stuck.
    /// </summary>
    public Task Early(Func<Tx, Task> work) => Fenced("early", work);

    /// <summary>The driver of the backend whose queue this operation is in.</summary>
    public Driver Driver => run.Means.Drivers.TryGetValue(run.Queue, out var driver)
        ? driver
        : throw new InvalidOperationException($"Queue {run.Queue} is not served here: hand over first.");

    /// <exception cref="FaultException">Misconfigured; nothing was done.</exception>
    public ImageCopies Images => run.Means.Images
        ?? throw new FaultException(new Fault.Misconfigured("No image service is configured on this host.")) { NothingDone = true };

    /// <exception cref="FaultException">Misconfigured; nothing was done.</exception>
    public Compute Compute => run.Means.Compute
        ?? throw new FaultException(new Fault.Misconfigured("No compute service is configured on this host ([nova]).")) { NothingDone = true };

    /// <summary>Where backups are kept. For acts and undos.</summary>
    /// <exception cref="FaultException">Misconfigured: nowhere, by the configuration of this host.</exception>
    public BackupStore Backups => run.Means.Backups ?? throw new FaultException(
        new Fault.Misconfigured("This host is not told where backups are kept (backup_driver).")) { NothingDone = true };

    /// <summary>An act outside the database. Runs at least once; its undo must not mind that nothing happened.</summary>
    /// <param name="begun">Whether what the undo takes away may be there before anything of the act was done.</param>
    public Task Step(string name, Func<Task> act, Func<Task>? undo = null, bool begun = false) =>
        Step<bool>(name, async () => { await act(); return true; }, undo, begun);

    /// <inheritdoc cref="Step(string, Func{Task}, Func{Task}?, bool)"/>
    public Task<T> Step<T>(string name, Func<Task<T>> act, Func<Task>? undo = null, bool begun = false) =>
        Act(name, act, undo is null ? null : () => UndoStep(name, undo), begun);

    /// <summary>The same, where what the act leaves is left to another operation: the undo is a transaction, so no storage can keep it from ending.</summary>
    public Task<T> Step<T>(string name, Func<Task<T>> act, Func<Tx, Task> undo, bool begun = false) => Act(name, act, () => UndoCommit(name, undo), begun);

    async Task<T> Act<T>(string name, Func<Task<T>> act, Func<Task>? undo, bool begun)
    {
        if (Known<T>(name, undo, out var known, begun: begun)) return known!;
        var untouched = Untouched;
        Untouched = null;
        T result;
        try { result = await act(); }
        catch (FaultException e) when (e.NothingDone)
        {
            Untouched = untouched;
            throw;
        }
        await Fenced(name, tx => tx.Operations.Journal(run.Row.Id, name, JournalEvent.Done, Text(result)));
        Noted(name, Text(result));
        return result;
    }

    /// <summary>
    /// A step without which the operation may go on: when it fails for good for a reason that <paramref name="goesOn"/> takes, it is
    /// taken back, and the fault is its answer. That it failed is journaled before it is taken back: from then on nobody tries it again,
    /// so a late worker that still takes it back takes nothing away that counts.
    /// </summary>
    public async Task<(T? Result, Fault? Fault)> Try<T>(string name, Func<Task<T>> act, Func<Task> undo, Func<Fault, bool> goesOn)
    {
        if (journal.TryGetValue((name, JournalEvent.GivenUp), out var why))
        {
            Untouched = null;
            if (!named.Add(name)) throw TwoSteps(name);
            return (default, Fault(why!));
        }
        if (journal.TryGetValue((name, JournalEvent.Failed), out why))
        {
            Untouched = null;
            if (!named.Add(name)) throw TwoSteps(name);
            undos.Push((name, () => UndoStep(name, undo)));
            if (Unwinding) throw new TurnedRound();
            run.MayGoOn();
        }
        else
            try
            {
                return (await Step(name, act, undo), null);
            }
            catch (FaultException e) when (!e.Fault.Transient && goesOn(e.Fault) && !run.Token.IsCancellationRequested)
            {
                Untouched = null;
                why = JsonSerializer.Serialize(e.Fault, CoreJson.Default.Fault);
                await Fenced(name, tx => tx.Operations.Journal(run.Row.Id, name, JournalEvent.Failed, why));
                journal[(name, JournalEvent.Failed)] = why;
            }
        await undo();
        await Fenced(name, tx => tx.Operations.Journal(run.Row.Id, name, JournalEvent.GivenUp, why));
        journal[(name, JournalEvent.GivenUp)] = why;
        undos.Pop();
        first = true;
        run.Progressed();
        return (default, Fault(why!));

        static Fault Fault(string text) => JsonSerializer.Deserialize(text, CoreJson.Default.Fault)!;
    }

    /// <summary>
    /// A step that is begun once at most, for what must not be asked for twice: if an earlier lease may have begun it, it is not known what came
    /// of that, and <paramref name="otherwise"/> is its result. What it throws with <see cref="FaultException.NothingDone"/> is tried again.
    /// </summary>
    public Task<T> Once<T>(string name, Func<Task<T>> act, T otherwise)
    {
        var mayHaveBegun = !IsFirstAt(name);
        return Step(name, () => mayHaveBegun ? Task.FromResult(otherwise) : act());
    }

    /// <summary>A step that is one transaction with its journal entry inside: exactly once.</summary>
    public async Task<T> Commit<T>(string name, Func<Tx, Task<T>> act, Func<Tx, Task>? undo = null)
    {
        if (Known<T>(name, undo is null ? null : () => UndoCommit(name, undo), out var known, atOnce: true)) return known!;
        Untouched = null; // it is in the journal if it happened
        var result = await Fenced(name, async tx =>
        {
            var value = await act(tx);
            await tx.Operations.Journal(run.Row.Id, name, JournalEvent.Done, Text(value));
            return value;
        });
        Noted(name, Text(result));
        return result;
    }

    /// <summary>
    /// A <see cref="Commit{T}"/> with nothing to take back that an operation has got since there were journals of it: one that turned round behind
    /// this place before there was such a step does without, and the answer is the default.
    /// </summary>
    public Task<T?> Later<T>(string name, Func<Tx, Task<T>> act)
    {
        if (!DoesWithout(name)) return Commit(name, act)!;
        return named.Add(name) ? Task.FromResult<T?>(default) : throw TwoSteps(name);
    }

    /// <summary>The same, of a step that does nothing, for what is to be done if the operation is taken back.</summary>
    public async Task LaterUndo(string name, Func<Task> undo)
    {
        if (!DoesWithout(name)) await Step(name, () => Task.CompletedTask, undo);
        else if (!named.Add(name)) throw TwoSteps(name);
    }

    /// <summary>Whether it turned round behind this place before there was such a step.</summary>
    bool DoesWithout(string name) => Unwinding && !journal.ContainsKey((name, JournalEvent.Done)) && UnknownSteps().Any();

    /// <summary>
    /// From here on a worker of <paramref name="queue"/> goes on: this one, when it serves that queue too.
    /// </summary>
    /// <param name="time">Of an operation that may come to the same queue again: the how manieth time something is handed over.</param>
    public async Task HandTo(string queue, int time = 1)
    {
        var name = time == 1 ? "→" + queue : $"→{queue} {time}";
        if (Known<long>(name, null, out var handedBy, atOnce: true))
        {
            first = handedBy == run.Row.Generation - 1;
            return;
        }
        Untouched = null;
        var keep = run.Means.Drivers.ContainsKey(queue);
        var letGo = Text(keep ? 0 : run.Row.Generation); // the generation of the lease that ended with it
        await Fenced(name, async tx =>
        {
            await tx.Operations.Journal(run.Row.Id, name, JournalEvent.Done, letGo);
            await tx.Operations.Hand(run.Row.Id, queue, keep);
        });
        Noted(name, letGo);
        run.Queue = queue;
        if (!keep) throw new HandedOver();
    }

    /// <summary>The last step: settles the status and ends the operation in one transaction.</summary>
    public async Task Finish(Func<Tx, Task> act)
    {
        if (Known<bool>("finish", null, out _, atOnce: true)) return;
        Untouched = null;
        MustKnowAllSteps();
        await Fenced("finish", async tx =>
        {
            await act(tx);
            await tx.Operations.End(run.Row.Id, run.Row.Generation, OperationStatus.Done, null);
        });
        Finished = true;
    }

    /// <summary>Undoes what the run put on the stack, from the last to the first.</summary>
    internal async Task Unwind()
    {
        if (Untouched is { } step && !journal.ContainsKey((step, JournalEvent.Undone)))
        {
            await Fenced("untouched", tx => tx.Operations.Journal(run.Row.Id, step, JournalEvent.Undone, JournalEvent.Untouched));
            journal[(step, JournalEvent.Undone)] = JournalEvent.Untouched;
        }
        while (undos.TryPop(out var top))
        {
            if (journal.ContainsKey((top.Step, JournalEvent.Undone))) continue;
            run.MayGoOn();
            await top.Undo();
            journal[(top.Step, JournalEvent.Undone)] = null;
            run.Progressed();
        }
    }

    /// <exception cref="UnknownStep">The journal has a step that the code did not come to: only a person knows what it means.</exception>
    internal void MustKnowAllSteps()
    {
        if (UnknownSteps().FirstOrDefault() is { } step) throw new UnknownStep(step, "that this program did not come to");
    }

    internal bool KnowsAllSteps => !UnknownSteps().Any();

    IEnumerable<string> UnknownSteps() =>
        journal.Keys.Where(k => (k.Event is JournalEvent.Done or JournalEvent.Failed or JournalEvent.GivenUp) && !named.Contains(k.Step)).Select(k => k.Step);

    /// <param name="begun">As of <see cref="Step(string, Func{Task}, Func{Task}?, bool)"/>.</param>
    /// <param name="atOnce">It is a transaction with its entry inside: not in the journal, it never happened.</param>
    bool Known<T>(string name, Func<Task>? undo, out T? result, bool begun = false, bool atOnce = false)
    {
        Untouched = null;
        if (!named.Add(name)) throw TwoSteps(name);
        if (undo is not null) undos.Push((name, undo));
        if (journal.TryGetValue((name, JournalEvent.Done), out var data))
        {
            try { result = data is null ? default : JsonSerializer.Deserialize(data, Json<T>()); }
            catch (JsonException) { throw new UnknownStep(name, "with a result that this program can't read"); }
            return true;
        }
        if (Unwinding)
        {
            if (run.WasCancelled && !begun && (atOnce || IsFirstAt(name))) Untouched = name;
            throw new TurnedRound();
        }
        if (!begun && IsFirstAt(name)) Untouched = name;
        run.MayGoOn();
        result = default;
        return false;
    }

    /// <summary>Whether it is sure that no lease before this one has done anything of a step.</summary>
    bool IsFirstAt(string name) => first || journal.GetValueOrDefault((name, JournalEvent.Untouched)) == Text(run.Row.Generation - 1);

    static InvalidOperationException TwoSteps(string name) => new($"Two steps are named {name}: the journal could not tell them apart.");

    void Noted(string name, string result)
    {
        journal[(name, JournalEvent.Done)] = result;
        first = true;
        run.Progressed();
    }

    async Task UndoStep(string name, Func<Task> undo)
    {
        await undo();
        await Fenced(name, tx => tx.Operations.Journal(run.Row.Id, name, JournalEvent.Undone, null));
    }

    Task UndoCommit(string name, Func<Tx, Task> undo) => Fenced(name, async tx =>
    {
        await undo(tx);
        await tx.Operations.Journal(run.Row.Id, name, JournalEvent.Undone, null);
    });

    Task Fenced(string name, Func<Tx, Task> work) => Fenced(name, async tx => { await work(tx); return true; });

    Task<T> Fenced<T>(string name, Func<Tx, Task<T>> work) => run.Fenced(name, work);

    static string Text<T>(T value) => JsonSerializer.Serialize(value, Json<T>());

    static JsonTypeInfo<T> Json<T>() => (JsonTypeInfo<T>)(CoreJson.Default.GetTypeInfo(typeof(T))
        ?? throw new InvalidOperationException($"{typeof(T).Name} is a step's result: name it in CoreJson."));
}

/// <summary>Another worker goes on; not a failure.</summary>
sealed class HandedOver : Exception;

/// <summary>Another worker has taken over: stop without a word.</summary>
sealed class LostLease : Exception;

/// <summary>The daemon stops: put it back as it is.</summary>
sealed class Stopping : Exception;

/// <summary>The program and the journal do not agree.</summary>
sealed class UnknownStep(string step, string what) : Exception(
    $"The journal has a step {step} {what}: start the program that wrote it, then resume it.");

/// <summary>The replay has come to where the operation failed.</summary>
sealed class TurnedRound : Exception;
