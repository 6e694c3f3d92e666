using System.Collections;
using Clinker.Drivers;
using Clinker.Gluster.Native;
using Clinker.Operations;
using Clinker.Snapshots;
using Clinker.Volumes;
using Microsoft.Win32.SafeHandles;

namespace Clinker.Gluster;

// What is in volumes and snapshots, for others to read, and volumes that hold what others write: backups, images, moves.
public abstract partial class FileDriver
{
    public sealed override async Task<Content> Read(Volume volume, Work work)
    {
        const string Verb = "read the volume";
        if (MayBeWritten(volume)) throw NotAtOneMoment(Verb);
        return await FileContent.Open(this, await SourceOf(volume, Verb, work), Verb, work);
    }

    public sealed override async Task<Content> Read(Volume origin, Snapshot snapshot, Work work) =>
        await FileContent.Open(this, await SourceOf(origin, snapshot, "read the snapshot", work), "read the snapshot", work);

    public sealed override async Task<VolumeOnDisk> CreateFilled(Volume volume, Fill fill, Work work)
    {
        var place = await Untouched(volume.Pool, null, work);
        var spec = Spec(volume, work);
        await Filled(place, "fill the volume", spec, fill, work);
        return new(place.Location, Words(spec.Format));
    }

    public sealed override async Task Refill(Volume volume, Fill fill, Work work)
    {
        const string Verb = "fill the volume anew";
        if (MayBeWritten(volume))
            throw StillOpen(Verb);
        await Replace(volume, await SourceOf(volume, Verb, work), Verb, Spec(volume, work), fill, work);
    }

    /// <summary>
    /// Puts another content where a volume begins. Its snapshots stay what they are: what it stands on is kept for them, and all of it covered.
    /// A clone without any stands on nothing then.
    /// </summary>
    /// <param name="recorded">The volume as it is to be.</param>
    async Task Replace(Volume volume, Source now, string verb, VolumeSpec recorded, Fill fill, Work work)
    {
        var spec = recorded with { Replacing = OperationOf(work) };
        if (now.Top.Name != layout.Volume(spec.Id)) spec = spec with { Name = now.Top.Name, Format = VolumeFormat.Qcow2, Under = now.Levels.Count > 1 ? now.Levels[1].File : null };
        else if (now.Levels.Count > 1) await Mark(On(now.Place, verb, work), now, 1, work);
        await Filled(now.Place, verb, spec, fill, work);
        await work.StillHeld();
        await Unfreeze(volume, null, verb, work);
    }

    /// <summary>False when it was there already.</summary>
    async Task<bool> Filled(Place place, string verb, VolumeSpec spec, Fill fill, Work work)
    {
        var on = new Errand(place, verb, options.ActDeadline + ThickPerGib * (spec.Provisioning == Provisioning.Thick ? spec.Bytes / Gib : 0), work.Token);
        return spec.Format == VolumeFormat.Qcow2 ? await LaidOut(on, spec, Go)
            : await Go((_, file) => { if (!spec.IsImage) Libc.Truncate(file, spec.Bytes); });

        Task<bool> Go(Action<SafeFileHandle, SafeFileHandle> begin)
        {
            var change = new Change();
            return change.Tell(() => Make(on, spec, work, change, Begin, async dir =>
            {
                var zeroes = spec is { Format: VolumeFormat.Raw, Provisioning: Provisioning.Thick } && !await Allocated(on, dir, spec, spec.Bytes);
                if (zeroes) await WriteZeroes(on, dir, spec, 0, spec.Bytes);
                await Fill(on, dir, spec, mayBeDirect: !zeroes && spec.Format == VolumeFormat.Raw, file => new Filling(on, spec, file).Run(fill));
            }));

            void Begin(SafeFileHandle dir, SafeFileHandle file)
            {
                if (spec.Replacing is not null) Chain.Open(dir, layout.Final(spec), verb).Dispose(); // there must be one
                begin(dir, file);
            }
        }
    }

    /// <summary>A file under work as it is being filled: each write is an act of its own. What could not be written is told by the last one at the latest.</summary>
    sealed class Filling(Errand on, VolumeSpec spec, WorkFile work)
    {
        /// <summary>The clusters of an image that hold something, for each of its tables.</summary>
        readonly Dictionary<int, BitArray> held = [];
        Qcow2Map? map;
        Task syncing = Task.CompletedTask;
        long unsynced, end;

        /// <summary>The size that a raw file is to have.</summary>
        public async Task<long?> Run(Fill fill)
        {
            try { await fill(Write, on.Token); }
            finally { await syncing; }
            if (spec.Under is not null) await Blank();
            return spec.IsImage ? end : spec.Format == VolumeFormat.Raw ? spec.Bytes : null;
        }

        /// <summary>
        /// All that it does not hold covers what lies under it, and has its place in the image. Said to be zeroes, it is not written out when the
        /// image is put into the file under it: that would make it as large as the disk.
        /// </summary>
        async Task Blank()
        {
            var tables = await work.Act(file => Mapped(file).Tables);
            for (var i = 0; i < tables; i++)
            {
                var index = i;
                await work.Act(file =>
                {
                    Mapped(file).Blank(file, index, held.GetValueOrDefault(index));
                    return true;
                });
            }
        }

        async ValueTask Write(long offset, ReadOnlyMemory<byte> bytes)
        {
            end = Math.Max(end, offset + bytes.Length);
            if (offset < 0 || offset + bytes.Length > spec.Bytes)
                throw new Fault.DriverFailed(on.Verb, $"more is to be written than its {spec.Bytes} bytes.").Thrown();
            if (bytes.IsEmpty) return;
            await work.Act(file =>
            {
                foreach (var (host, start, length) in Parts(file, offset, bytes.Length)) work.Write(bytes.Span.Slice(start, length), host);
                return true;
            });
            if ((unsynced += bytes.Length) < FileCopy.UnsyncedBytes) return;
            unsynced = 0;
            await syncing;
            syncing = work.Act(_ => { work.Sync(); return true; }); // beside what is written next
        }

        /// <summary>Where in the file the bytes go: an image was laid out with room for all of them.</summary>
        List<(long Host, int Start, int Length)> Parts(SafeFileHandle file, long offset, int length)
        {
            if (spec.Format == VolumeFormat.Raw) return [(offset, 0, length)];
            var parts = new List<(long, int, int)>();
            try
            {
                var mapped = Mapped(file);
                for (var done = 0; done < length;)
                {
                    var run = mapped.At(file, offset + done);
                    var n = (int)Math.Min(run.Length, length - done);
                    parts.Add((run.Host ?? throw new InvalidDataException("has no room laid out for its data"), done, n));
                    var (first, last) = ((offset + done) / mapped.Cluster, (offset + done + n - 1) / mapped.Cluster);
                    for (var cluster = first; cluster <= last; cluster++) Hold(cluster, mapped.PerTable);
                    done += n;
                }
                return parts;
            }
            catch (InvalidDataException e) { throw LaidOutWrong(e); }

            void Hold(long cluster, int perTable)
            {
                var (table, index) = Math.DivRem(cluster, perTable);
                if (!held.TryGetValue((int)table, out var clusters)) held[(int)table] = clusters = new(perTable);
                clusters[(int)index] = true;
            }
        }

        Qcow2Map Mapped(SafeFileHandle file)
        {
            try { return map ??= new(file); }
            catch (InvalidDataException e) { throw LaidOutWrong(e); }
        }

        FaultException LaidOutWrong(InvalidDataException e) => new Fault.DriverFailed(on.Verb, $"what qemu-img laid out {e.Message}.").Thrown(e);
    }

    /// <summary>Files that are read: as they were when they were opened, or not at all.</summary>
    sealed class FileContent : Content
    {
        readonly FileDriver driver;
        readonly Source from;
        readonly Errand on;
        readonly SafeFileHandle dir;
        readonly List<Part> parts = [];
        /// <summary>Kept from read to read that goes well: when a file is opened the kernel forgets what it has of it. Whoever reads has taken them out.</summary>
        SafeFileHandle[]? open;

        /// <param name="Map">Null: the file is the disk itself.</param>
        sealed record Part(string Name, Qcow2Map? Map, FileFacts Opened)
        {
            public long Bytes => Map?.Bytes ?? Opened.Size;
        }

        FileContent(FileDriver driver, Source from, Errand on, SafeFileHandle dir) => (this.driver, this.from, this.on, this.dir) = (driver, from, on, dir);

        public static async Task<Content> Open(FileDriver driver, Source from, string verb, Work work)
        {
            var on = new Errand(from.Place, verb, driver.options.ActDeadline, work.Token);
            var content = new FileContent(driver, from, on, await driver.Act(on, _ => from.Place.Open()));
            try
            {
                foreach (var level in from.Levels)
                    content.parts.Add(await driver.Act(on, _ =>
                    {
                        using var file = Chain.Open(content.dir, level.Name, verb);
                        var facts = Libc.Fresh(file); // written back first: where its data and holes are is asked of the brick
                        return new Part(level.Name, level.File.Format == VolumeFormat.Raw ? null : Chain.Map(file, level.Name, verb), facts);
                    }));
                return content;
            }
            catch { content.dir.Dispose(); throw; }
        }

        public override long Length => parts[0].Bytes;

        public override long DataBytes => Math.Min(Length, parts.Sum(p => p.Opened.AllocatedBytes));

        public override async ValueTask<long?> NextData(long offset)
        {
            while (offset < Length)
            {
                var from = offset;
                var (found, next) = await Reading(files => Next(files, from));
                if (found is not null) return found;
                offset = next;
            }
            return null;
        }

        /// <summary>The next data, if it is within what can be looked at in one act; and how far that was.</summary>
        (long? Data, long LookedTo) Next(SafeFileHandle[] files, long offset)
        {
            for (var runs = 0; runs < MostRuns && offset < Length; runs++)
            {
                var run = At(files, offset);
                if (run.Host is { } host && Data(files[run.Part], host) is >= 0 and var data && data < host + run.Length) return (offset + data - host, offset);
                offset += run.Length;
            }
            return (null, offset);
        }

        const int MostRuns = 512;

        static long Data(SafeFileHandle file, long offset)
        {
            try { return Libc.NextData(file, offset); }
            catch (ErrnoException e) when (e.Errno is Errno.EOPNOTSUPP or Errno.ENOSYS or Errno.EINVAL) { return offset; }
        }

        /// <summary>What has the disk from an offset on, as far as that is in one piece: the topmost file that has anything to say of it.</summary>
        (int Part, long? Host, long Length) At(SafeFileHandle[] files, long offset)
        {
            var length = Length - offset;
            for (var i = 0; i < parts.Count; i++)
            {
                if (offset >= parts[i].Bytes) break; // it has grown since this one was frozen
                length = Math.Min(length, parts[i].Bytes - offset);
                if (parts[i].Map is not { } map) return (i, offset, length);
                var run = map.At(files[i], offset);
                length = Math.Min(length, run.Length);
                if (!run.IsBelow) return (i, run.Host, length);
            }
            return (0, null, length);
        }

        public override async ValueTask Read(long offset, Memory<byte> into) => await Reading(files =>
        {
            var here = (int)Math.Clamp(Length - offset, 0, into.Length);
            into.Span[here..].Clear();
            var runs = new List<(SafeFileHandle? File, long Host, int Start, int Length)>();
            for (var done = 0; done < here; done += runs[^1].Length)
            {
                var run = At(files, offset + done);
                runs.Add((run.Host is null ? null : files[run.Part], run.Host ?? 0, done, (int)Math.Min(run.Length, here - done)));
            }
            foreach (var (file, host, _, length) in runs)
                if (file is not null) Libc.ReadAhead(file, host, length);
            foreach (var (file, host, start, length) in runs)
            {
                var piece = into.Span.Slice(start, length);
                // An image's last cluster may not be there to its end. That a file was cut meanwhile, Close tells.
                piece[(file is null ? 0 : Libc.ReadAll(file, piece, host))..].Clear();
            }
            return true;
        });

        public override async ValueTask Close()
        {
            LetGo(Interlocked.Exchange(ref open, null) ?? []); // what has their names now is looked at
            var now = await Reading(files => files.Select(Libc.Fresh).ToList());
            foreach (var (part, facts) in parts.Zip(now))
                if ((facts.Written, facts.Size, facts.Inode) != (part.Opened.Written, part.Opened.Size, part.Opened.Inode))
                    throw new Fault.DriverFailed(on.Verb, $"{part.Name} was written to while it was read: is it in use?") { NamesNothing = true }.Thrown();
        }

        Task<T> Reading<T>(Func<SafeFileHandle[], T> act) => driver.Act(on, _ =>
        {
            var files = Interlocked.Exchange(ref open, null) ?? Opened();
            try
            {
                var result = act(files);
                open = files;
                return result;
            }
            catch (Exception e)
            {
                LetGo(files);
                if (e is InvalidDataException) throw new Fault.DriverFailed(on.Verb, $"{driver.layout.Final(from.Spec)} {e.Message}.").Thrown(e);
                throw;
            }
        });

        SafeFileHandle[] Opened()
        {
            var files = new List<SafeFileHandle>();
            try
            {
                foreach (var part in parts) files.Add(Chain.Open(dir, part.Name, on.Verb));
                return [.. files];
            }
            catch
            {
                LetGo(files);
                throw;
            }
        }

        static void LetGo(IEnumerable<SafeFileHandle> files)
        {
            foreach (var file in files) file.Dispose();
        }

        public override ValueTask DisposeAsync()
        {
            LetGo(Interlocked.Exchange(ref open, null) ?? []);
            dir.Dispose();
            return base.DisposeAsync();
        }
    }
}
