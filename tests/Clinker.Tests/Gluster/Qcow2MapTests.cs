using Clinker.Gluster;
using Clinker.Gluster.Native;
using Clinker.Host;
using Xunit;

namespace Clinker.Tests.Gluster;

/// <summary>Images as QEMU writes them, not only as they are laid out here: whatever a guest did, the disk is read as qemu-img reads it.</summary>
public sealed class Qcow2MapTests : IDisposable
{
    const long Bytes = (1L << 30) + (5 << 20); // three tables of 64 KiB clusters, the last of them hardly used
    readonly string folder = Directory.CreateTempSubdirectory("clinker-qcow2-").FullName;

    string Image => Path.Combine(folder, "image");
    string Raw => Path.Combine(folder, "raw");

    public void Dispose() => Directory.Delete(folder, recursive: true);

    static async Task Run(string program, params string[] arguments)
    {
        var result = await Processes.Run(program, arguments, TimeSpan.FromMinutes(1));
        Assert.True(result.ExitCode == 0, $"{program} {string.Join(' ', arguments)}: {result.Error}{result.Output}");
    }

    async Task Compare()
    {
        await Run("qemu-img", "convert", "-f", "qcow2", "-O", "raw", Image, Raw);
        using var image = Libc.Open(Image, Libc.O_RDONLY);
        using var raw = File.OpenHandle(Raw);
        var map = new Qcow2Map(image);
        Assert.Equal(RandomAccess.GetLength(raw), map.Bytes);
        for (long at = 0, length; at < map.Bytes; at += length)
        {
            var run = map.At(image, at);
            length = Math.Min(run.Length, 1 << 20);
            Assert.InRange(length, 1, map.Bytes - at);
            var (expected, found) = (new byte[length], new byte[length]);
            RandomAccess.Read(raw, expected, at);
            if (run.Host is { } host) Libc.Read(image, found, host);
            Assert.True(expected.AsSpan().SequenceEqual(found), $"bytes {at} to {at + length} differ");
        }
    }

    [Theory]
    [InlineData("cluster_size=65536")]
    [InlineData("cluster_size=4096")]
    [InlineData("cluster_size=2097152")]
    [InlineData("compat=0.10")]
    [InlineData("preallocation=metadata")]
    [InlineData("lazy_refcounts=on")]
    public async Task A_disk_that_was_written_here_and_there_is_read_as_QEMU_reads_it(string options)
    {
        await Run("qemu-img", "create", "-q", "-f", "qcow2", "-o", options, Image, $"{Bytes}");
        var random = new Random(4711);
        var writes = Enumerable.Range(0, 60).SelectMany(i =>
        {
            var (at, length) = (random.NextInt64((Bytes - (1 << 20)) / 512) * 512, (random.Next(1, 400) * 512));
            return new[] { "-c", i % 7 == 6 ? $"write -z {at} {length}" : i % 11 == 10 ? $"discard {at} {length}" : $"write -P {i + 1} {at} {length}" };
        });
        await Run("qemu-io", ["-f", "qcow2", .. writes, "-c", $"write -P 99 {Bytes - 512} 512", "-c", "flush", Image]);
        await Compare();
    }

    [Theory]
    [InlineData("compressed", "convert", "-c", "-f", "raw", "-O", "qcow2", "{0}/base", "{0}/image")]
    [InlineData("features", "create", "-q", "-f", "qcow2", "-o", "extended_l2=on", "{0}/image", "1M")]
    [InlineData("needs other files", "create", "-q", "-f", "qcow2", "-o", "data_file={0}/data,data_file_raw=on", "{0}/image", "1M")]
    public async Task What_can_not_be_read_so_is_refused(string why, params string[] qemuImg)
    {
        await File.WriteAllBytesAsync(Path.Combine(folder, "base"), [.. Enumerable.Repeat((byte)7, 1 << 20)], TestContext.Current.CancellationToken);
        await Run("qemu-img", [.. qemuImg.Select(a => a.Replace("{0}", folder, StringComparison.Ordinal))]);
        using var image = Libc.Open(Image, Libc.O_RDONLY);
        var e = Assert.Throws<InvalidDataException>(() => new Qcow2Map(image).At(image, 0));
        Assert.Contains(why, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_image_that_is_broken_anywhere_is_refused_or_read_and_never_more()
    {
        await Run("qemu-img", "create", "-q", "-f", "qcow2", Image, "64M");
        await Run("qemu-io", "-f", "qcow2", "-c", "write -P 5 0 1M", Image);
        var whole = await File.ReadAllBytesAsync(Image, TestContext.Current.CancellationToken);
        var random = new Random(815);
        for (var i = 0; i < 1000; i++)
        {
            var broken = whole.ToArray();
            for (var n = random.Next(1, 5); n > 0; n--) broken[random.Next(i % 2 == 0 ? 112 : broken.Length)] = (byte)random.Next(256);
            await File.WriteAllBytesAsync(Image, i % 3 == 0 ? broken[..random.Next(broken.Length)] : broken, TestContext.Current.CancellationToken);
            using var image = Libc.Open(Image, Libc.O_RDONLY);
            try
            {
                var map = new Qcow2Map(image);
                long at = 0;
                for (var runs = 0; runs < 100 && at < map.Bytes; runs++)
                {
                    var length = map.At(image, at).Length;
                    Assert.InRange(length, 1, map.Bytes - at);
                    at += length;
                }
            }
            catch (InvalidDataException) { /* as it should */ }
            catch (ErrnoException e) when (e.Errno == Errno.EINVAL) { /* an offset that no file has */ }
        }
    }
}
