using Clinker.Drivers;
using Clinker.Gluster.Native;
using Clinker.Operations;
using Clinker.Scheduling;
using Clinker.Volumes;
using Microsoft.Extensions.Logging;

namespace Clinker.Gluster;

/// <summary>What drivers share that keep each volume as a file in a directory.</summary>
public abstract partial class FileDriver : Driver
{
    const double Gib = 1024.0 * 1024 * 1024;
    /// <summary>What a thick volume may take longer for each GiB: fallocate is instant on most, not on all file systems.</summary>
    static readonly TimeSpan ThickPerGib = TimeSpan.FromSeconds(1);

    readonly string backend;
    readonly FileBackendOptions options;
    readonly TimeProvider time;
    readonly ILogger log;
    readonly Layout layout;

    private protected FileDriver(string backend, FileBackendOptions options, TimeProvider time, ILogger log)
    {
        (this.backend, this.options, this.time, this.log) = (backend, options, time, log);
        layout = new Layout(options.VolumeNameTemplate);
    }

    public sealed override string Backend => backend;

    /// <summary>The places of now, each a pool.</summary>
    internal abstract ValueTask<IReadOnlyList<Place>> Places(CancellationToken token);

    private protected abstract string StorageProtocol { get; }
    private protected abstract string DefaultBackendName { get; }

    /// <summary>Where a volume lies or is to lie. A pool that is not configured (any more) is a transient fault.</summary>
    private protected abstract ValueTask<Place> PlaceOf(string? pool, string? location, CancellationToken token);

    public sealed override async Task<BackendReport> Report(CancellationToken token)
    {
        var pools = await Task.WhenAll((await Places(token)).Select(p => Report(p, token)));
        return new(options.VolumeBackendName ?? DefaultBackendName, StorageProtocol, "Open Source", Version, pools);
    }

    public sealed override async Task<VolumeOnDisk> Create(Volume volume, Work work)
    {
        var (change, spec) = (new Change(), Spec(volume, work));
        var place = await change.Tell(async () =>
        {
            var place = await PlaceOf(volume.Pool, null, work.Token);
            var errand = On(place, "create the volume", work);
            await (spec switch
            {
                { Format: VolumeFormat.Qcow2 } => Image(errand, spec, work, change),
                { Provisioning: Provisioning.Thick } => Thick(errand, spec, work, change),
                _ => Make(errand, spec, work, change, (_, file) => Libc.Truncate(file, spec.Bytes)),
            });
            return place;
        });
        return new(place.Location, Words(spec.Format));
    }

    Task Remove(Place place, string verb, VolumeSpec spec, Work work) =>
        Act(new(place, verb, options.ActDeadline + ThickPerGib * (spec.Bytes / Gib), work.Token), _ =>
        {
            using var dir = place.Open();
            VolumeFiles.Remove(dir, layout, spec);
            return true;
        });

    public sealed override async Task<Inventory> List(string pool, CancellationToken token)
    {
        var place = await PlaceOf(pool, null, token);
        return await Act(new(place, "list the volumes", options.ActDeadline, token), _ =>
        {
            using var dir = place.Open();
            return VolumeFiles.List(dir, layout);
        });
    }

    public sealed override async Task RemoveLitter(string pool, string name, CancellationToken token)
    {
        if (layout.Parse(name) is not { Kind: FileKind.Work or FileKind.SnapshotWork })
            throw new Fault.Invalid($"'{name}' is no work file of a volume or snapshot; only such may be removed.").Thrown();
        var place = await PlaceOf(pool, null, token);
        await Act(new(place, "remove a work file", options.ActDeadline, token), _ =>
        {
            using var dir = place.Open();
            VolumeFiles.RemoveLitter(dir, name);
            return true;
        });
    }

    /// <summary>As <see cref="PlaceOf"/>, before anything is done.</summary>
    async ValueTask<Place> Untouched(string? pool, string? location, Work work)
    {
        try { return await PlaceOf(pool, location, work.Token); }
        catch (FaultException e) when (e.Fault.Transient) { throw new FaultException(e.Fault, e) { NothingDone = true }; }
    }

    static async Task<T> Untouched<T>(Func<Task<T>> look)
    {
        try { return await look(); }
        catch (FaultException e) { throw new FaultException(e.Fault, e) { NothingDone = true }; }
    }

    /// <summary>A volume's file: of the format that was written down, or that is asked for; otherwise as new ones are made here.</summary>
    VolumeSpec Spec(Volume volume, Work work) => new(
        volume.FileId, volume.SizeGb * (long)Gib, Recorded(volume) ?? options.Format, options.Provisioning, options.Mode, work.Generation);

    internal static string Words(VolumeFormat format) => format == VolumeFormat.Qcow2 ? "qcow2" : "raw";

    async Task<PoolReport> Report(Place place, CancellationToken token)
    {
        var (room, down) = (place.Last, (string?)null);
        try
        {
            room = place.Last = await Answered(new(place, "measure the pool", options.ProbeDeadline, token), () => place.Measure(options.ProbeDeadline, token));
        }
        catch (FaultException e)
        {
            down = e.Fault is Fault.BackendDown b ? b.Why : e.Fault.Message;
        }
        if (down != place.LastDown)
        {
            if (down is null) Log.Up(log, backend, place.Name);
            else Log.Down(log, backend, place.Name, down);
            place.LastDown = down;
        }
        var thin = options.Provisioning == Provisioning.Thin;
        return new(place.Name, down, room.Total / Gib, room.Free / Gib, thin, options.ReservedPercentage, options.MaxOverSubscriptionRatio,
            new Dictionary<string, string>
            {
                ["QoS_support"] = "False",
                ["thin_provisioning_support"] = thin ? "True" : "False",
                ["thick_provisioning_support"] = thin ? "False" : "True",
                ["sparse_copy_volume"] = "True",
                [Pool.CloneMode] = StandsOnOthers(place) || Reflinks(place) ? "thin" : "full",
            });
    }

    Task<T> Act<T>(Errand on, Func<CancellationToken, T> act) =>
        Answered(on, () => on.Place.Lane.Run(act, on.Deadline, on.Token));

    /// <summary>
    /// Runs an act and says what came of it in faults. Of an act whose directory was not there nothing was done yet, so it is
    /// done again once the directory is back.
    /// </summary>
    async Task<T> Answered<T>(Errand on, Func<Task<T>> act)
    {
        var place = on.Place;
        try
        {
            try
            {
                return await act();
            }
            catch (VanishedException e)
            {
                Log.Vanished(log, backend, place.Name, e.Message);
                await place.Repair(on.Token);
                return await act();
            }
        }
        catch (VanishedException e)
        {
            throw new Fault.BackendDown(backend, e.Message).Thrown(e);
        }
        catch (TimeoutException e)
        {
            throw new Fault.BackendDown(backend, $"{place.Name} does not answer: {e.Message}. Look at the storage servers and the network.").Thrown(e);
        }
        catch (ErrnoException e)
        {
            if (StorageFaults.Lost(e.Errno)) place.Doubt();
            throw StorageFaults.From(e, backend, place.Name, on.Verb).Thrown(e);
        }
    }

    /// <param name="Verb">For the words of a fault: "could not …".</param>
    /// <param name="Deadline">Of each act.</param>
    internal readonly record struct Errand(Place Place, string Verb, TimeSpan Deadline, CancellationToken Token);

    /// <summary>
    /// Whether one create or copy has begun to change the storage. An act that was given up goes on in its thread, and a share that hung may
    /// let it go on after hours: either it comes first to where it makes something, or it never may.
    /// </summary>
    sealed class Change
    {
        const int Open = 0, Begun = 1, Forbidden = 2;
        int state;

        /// <summary>From here on something may have been made; false when that is forbidden.</summary>
        public bool Begin() => Interlocked.CompareExchange(ref state, Begun, Open) != Forbidden;

        /// <summary>Makes something, and says of a fault whether nothing was done.</summary>
        public async Task<T> Tell<T>(Func<Task<T>> make)
        {
            try { return await make(); }
            catch (FaultException e) when (Forbid()) { throw new FaultException(e.Fault, e.InnerException) { NothingDone = true }; }
        }

        /// <summary>Forbids it from now on; false when it has begun.</summary>
        bool Forbid() => Interlocked.CompareExchange(ref state, Forbidden, Open) != Begun;
    }

    static string Version => typeof(FileDriver).Assembly.GetName().Version?.ToString(3) ?? "";

    static partial class Log
    {
        [LoggerMessage(1, LogLevel.Information, "Pool {Backend}#{Pool} serves")]
        public static partial void Up(ILogger log, string backend, string pool);

        [LoggerMessage(2, LogLevel.Warning, "Pool {Backend}#{Pool} is down: {Why}")]
        public static partial void Down(ILogger log, string backend, string pool, string why);

        [LoggerMessage(3, LogLevel.Debug, "Pool {Backend}#{Pool}: {Why}; repairing it")]
        public static partial void Vanished(ILogger log, string backend, string pool, string why);

        [LoggerMessage(4, LogLevel.Warning, "Pool {Backend}#{Pool} knows no fallocate: volume {Volume} is written with zeroes")]
        public static partial void WritesZeroes(ILogger log, string backend, string pool, string volume);

        [LoggerMessage(5, LogLevel.Error, "{Tool} failed with exit code {ExitCode}: {Error}")]
        public static partial void ToolFailed(ILogger log, string tool, int exitCode, string error);

        [LoggerMessage(6, LogLevel.Warning, "Backend {Backend}: a work file of {Volume} could not be removed ({Error}); the sweep will")]
        public static partial void LitterLeft(ILogger log, string backend, string volume, string error);
    }
}
