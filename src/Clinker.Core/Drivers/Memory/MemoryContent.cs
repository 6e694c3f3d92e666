using System.Text;
using Clinker.Operations;

namespace Clinker.Drivers.Memory;

/// <summary>What is in a file of a memory backend.</summary>
/// <param name="stale">Whether somebody may be writing to it.</param>
sealed class MemoryContent(MemoryFile file, Func<Task> touch, Func<bool> stale) : Content
{
    readonly byte[] bytes = Encoding.Latin1.GetBytes(file.Content);
    readonly bool torn = stale();

    public override long Length => file.SizeGb * (1L << 30);

    public override ValueTask<long?> NextData(long offset) => ValueTask.FromResult<long?>(offset < bytes.Length ? offset : null);

    public override async ValueTask Read(long offset, Memory<byte> into)
    {
        await touch();
        var there = offset < bytes.Length ? bytes.AsSpan((int)offset) : [];
        there = there[..Math.Min(there.Length, into.Length)];
        there.CopyTo(into.Span);
        into.Span[there.Length..].Clear();
    }

    public override ValueTask Close() => torn || stale()
        ? throw new Fault.DriverFailed("read the volume", "it was written to meanwhile: is it in use?") { NamesNothing = true }.Thrown()
        : ValueTask.CompletedTask;
}
