using System.Collections.Concurrent;
using Clinker.Drivers;
using Clinker.Gluster.Native;
using Clinker.Operations;
using Clinker.Volumes;
using Microsoft.Extensions.Logging;

namespace Clinker.Gluster;

// What was filled from an image is kept, and volumes with it stand on that: the second one is there at once.
public abstract partial class FileDriver
{
    public sealed override async Task<VolumeOnDisk> CreateOfImage(Volume volume, ImageContent content, Fill fill, Work work)
    {
        const string Verb = "fill the volume";
        var to = await Untouched(volume.Pool, null, work);
        if (options.ImageCache is not { } bounds || !StandsOnOthers(to) || options.MaxChainDepth < 2) return await CreateFilled(volume, fill, work);
        var image = Spec(volume, work) with { Name = Layout.Image(content), Format = VolumeFormat.Raw, IsImage = true };
        var kept = new DiskFile(image.Name, VolumeFormat.Raw);
        for (var attempt = 1; ; attempt++)
        {
            var filled = await FilledOnce(to, Verb, image, bounds, fill, work);
            try
            {
                var from = await Act(On(to, Verb, work), _ =>
                {
                    using var dir = to.Open();
                    if (filled) Evict(dir, kept.Name, bounds);
                    return new Source(to, image, false, ChainInfo.None, Chain.Walk(dir, layout, image, kept, Verb));
                });
                // Too large: said in the words of whoever knows the image.
                if (from.Bytes > Spec(volume, work).Bytes) return await CreateFilled(volume, fill, work);
                return await Clone(volume, from, from.Levels[0], volume.FileId, Verb, work);
            }
            catch (FaultException)
            {
                // Somebody else may have made room, just then.
                if (attempt == MostAttempts || await Act(On(to, Verb, work), _ => { using var dir = to.Open(); return VolumeFiles.Has(dir, kept.Name); })) throw;
            }
        }
    }

    const int MostAttempts = 3;

    /// <summary>The images that are being filled here, each by one operation.</summary>
    readonly ConcurrentDictionary<(string Place, string Image), bool> filling = new();

    /// <summary>
    /// Fills the image that volumes are to stand on. Who wants the same one meanwhile waits, at no worker's cost: each would download, convert and
    /// write all of it, for nothing. Where the share is full, images that nobody stands on make room.
    /// </summary>
    async Task<bool> FilledOnce(Place to, string verb, VolumeSpec image, ImageCacheBounds bounds, Fill fill, Work work)
    {
        var (key, kept) = ((to.Name, image.Name!), image.Name!);
        var mine = filling.TryAdd(key, true);
        if (!mine && !await Act(On(to, verb, work), _ => { using var dir = to.Open(); return VolumeFiles.Has(dir, kept); }))
            throw new FaultException(new Fault.Unavailable("The image is being written to the share for another volume: this waits for that.")) { NothingDone = true, Waits = true };
        try
        {
            try { return await Filled(to, verb, image, fill, work); }
            catch (FaultException e) when (e.Fault is Fault.ShareFull)
            {
                if (!await Act(On(to, verb, work), _ => { using var dir = to.Open(); return Evict(dir, kept, bounds with { Age = TimeSpan.MinValue }); })) throw; // however few they are
                return await Filled(to, verb, image, fill, work);
            }
        }
        finally
        {
            if (mine) filling.TryRemove(key, out _);
        }
    }

    /// <summary>Lets go of images that were used longest ago, as long as there are too many: only of such as nobody stands on, which have one name.</summary>
    /// <param name="but">One that stays.</param>
    /// <returns>Whether there was any to let go of.</returns>
    bool Evict(Microsoft.Win32.SafeHandles.SafeFileHandle dir, string but, ImageCacheBounds bounds)
    {
        var any = false;
        var idle = new List<(string Name, FileFacts Facts)>();
        foreach (var name in Libc.Names(dir))
            if (name != but && layout.Parse(name) is { Kind: FileKind.Image })
                try
                {
                    if (Libc.Facts(dir, name) is { IsRegular: true, Links: 1 } facts) idle.Add((name, facts));
                }
                catch (ErrnoException e) when (e.Errno == Errno.ENOENT) { /* others make room too */ }
        var (now, count, bytes) = (time.GetUtcNow() - DateTimeOffset.UnixEpoch, idle.Count, idle.Sum(i => i.Facts.AllocatedBytes));
        foreach (var (name, facts) in idle.OrderBy(i => i.Facts.Changed))
        {
            var old = now - TimeSpan.FromMicroseconds(facts.Changed / 1000) > bounds.Age;
            if (!old && (bounds.Count == 0 || count < bounds.Count) && (bounds.SizeGb == 0 || bytes <= bounds.SizeGb * Gib)) break;
            VolumeFiles.RemoveName(dir, name); // one that somebody has linked meanwhile only loses this name
            (any, count, bytes) = (true, count - 1, bytes - facts.AllocatedBytes);
            Log.Evicted(log, backend, name);
        }
        return any;
    }

    static partial class Log
    {
        [LoggerMessage(7, LogLevel.Information, "Backend {Backend}: {File} is kept no longer; no volume stands on it")]
        public static partial void Evicted(ILogger log, string backend, string file);
    }
}
