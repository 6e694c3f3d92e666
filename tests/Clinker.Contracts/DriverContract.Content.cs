using Clinker.Drivers;
using Clinker.Drivers.Memory;
using Clinker.Operations;
using Clinker.Snapshots;
using Clinker.Volumes;
using Xunit;

namespace Clinker.Contracts;

// What is in volumes, read and written by others than who has them attached.
public abstract partial class DriverContract
{
    Fill ContentOf(Volume volume) => async (write, token) =>
    {
        await using var content = await Driver.Read(volume, Under(1));
        await content.Copy()(write, token);
    };

    [Fact]
    public async Task A_volume_filled_with_anothers_content_has_it_and_its_own_size()
    {
        Needs(Abilities.Content);
        var source = await Made(First, 1, "content");
        var volume = NewVolume(Second, 2);
        for (var generation = 1; generation <= 3; generation++)
        {
            var disk = await Driver.CreateFilled(volume, ContentOf(source), Under(generation));
            Assert.Contains(disk.Format, new[] { "raw", "qcow2" });
            Assert.Equal("content", await Read(Second, volume.Id));
            await SizeIs(2, Second, volume);
            Assert.Equal([volume.Id], await Volumes(Second));
            Assert.Empty(await Litter(Second));
        }
        Assert.Equal("content", await Read(First, source.Id));
    }

    [Fact]
    public async Task A_snapshots_content_stays_while_the_volume_is_written_to()
    {
        Needs(Abilities.Content | Abilities.Snapshots);
        var source = await Made(First, 1, "before");
        var snapshot = await Taken(source);
        await Write(First, source.Id, "after");
        var volume = NewVolume(First);
        await using (var content = await Driver.Read(source, snapshot, Under(1)))
        {
            Assert.Equal(1L << 30, content.Length);
            await Driver.CreateFilled(volume, content.Copy(), Under(1));
        }
        Assert.Equal("before", await Read(First, volume.Id));
    }

    [Fact]
    public async Task Holes_are_passed_over_and_read_as_zeroes()
    {
        Needs(Abilities.Content);
        await using (var empty = await Driver.Read(await Made(First), Under(1)))
        {
            if (await empty.NextData(0) is null) Assert.Equal(1L << 30, empty.Length); // thick files may have no holes
            var bytes = new byte[512];
            Array.Fill(bytes, (byte)7);
            await empty.Read((1L << 30) - 256, bytes); // half of it behind the end
            Assert.DoesNotContain(bytes, b => b != 0);
        }
        await using var content = await Driver.Read(await Made(First, 1, "x"), Under(1));
        var first = new byte[1];
        await content.Read(0, first);
        Assert.Equal((byte)'x', first[0]);
        Assert.Equal(0, await content.NextData(0));
        Assert.Null(await content.NextData(content.Length));
        await content.Close();
    }

    /// <summary>By whoever has the files: one operation at a time is for others to see to.</summary>
    [Theory, InlineData(false), InlineData(true)]
    public async Task What_was_written_to_or_replaced_while_it_was_read_is_not_one_moments(bool replaced)
    {
        Needs(Abilities.Content);
        var volume = await Made(First, 1, "before");
        await using var content = await Driver.Read(volume, Under(1));
        var buffer = new byte[1];
        await content.Read(0, buffer);
        await content.Close();
        await content.Read(0, buffer);
        if (replaced) await Driver.Refill(volume, (_, _) => Task.CompletedTask, Under(1));
        else await Write(First, volume.Id, "after");
        await content.Read(0, buffer);
        var fault = await Record.ExceptionAsync(async () => await content.Close());
        if (Driver is MemoryDriver) Assert.Equal((null, (byte)'b'), (fault, buffer[0])); // which reads a copy
        else Assert.Contains("while it was read", Assert.IsType<FaultException>(fault).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_fill_that_fails_leaves_nothing_and_one_that_writes_too_much_is_refused()
    {
        Needs(Abilities.Content);
        var volume = NewVolume(First);
        await Assert.ThrowsAsync<TimeZoneNotFoundException>(() => Driver.CreateFilled(volume, async (write, _) =>
        {
            await write(0, new byte[] { 1 });
            throw new TimeZoneNotFoundException();
        }, Under(1)));
        var e = await Assert.ThrowsAsync<FaultException>(() => Driver.CreateFilled(volume, async (write, _) => await write((1L << 30) - 1, new byte[2]), Under(1)));
        Assert.False(e.Fault.Transient);
        Assert.Empty(await Volumes(First));
        Assert.Empty(await Litter(First));
    }

    [Fact]
    public async Task A_volume_filled_anew_has_all_of_the_new_and_its_size()
    {
        Needs(Abilities.Content);
        var (source, volume) = (await Made(First, 1, "new"), await Made(First, 2, "old and longer"));
        foreach (var generation in new[] { 1, 1, 2 })
        {
            await Driver.Refill(volume, ContentOf(source), Under(generation));
            Assert.Equal("new", await Read(First, volume.Id));
            await SizeIs(2, First, volume);
            Assert.Empty(await Litter(First));
        }
    }

    [Fact]
    public async Task A_volume_that_is_not_filled_anew_to_the_end_keeps_what_it_had()
    {
        Needs(Abilities.Content);
        var (source, volume) = (await Made(First, 1, "new"), await Made(First, 1, "old"));
        var fill = ContentOf(source);
        await Assert.ThrowsAsync<TimeZoneNotFoundException>(() => Driver.Refill(volume, async (write, token) =>
        {
            await fill(write, token);
            throw new TimeZoneNotFoundException();
        }, Under(1)));
        Assert.Equal("old", await Read(First, volume.Id));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Driver.Refill(volume, ContentOf(source), AtTheEnd(Lost(() => Task.CompletedTask))));
        Assert.Equal("old", await Read(First, volume.Id));
        var gone = await Assert.ThrowsAsync<FaultException>(() => Driver.Refill(volume, ContentOf(source), AtTheEnd(Late(() => Driver.Abandon(volume, Under(2))))));
        Assert.True(gone.Fault.Transient);
        Assert.Equal("old", await Read(First, volume.Id));
        await Driver.Abandon(volume, Under(3));
        Assert.Empty(await Litter(First));
        var missing = NewVolume(First);
        await Assert.ThrowsAsync<FaultException>(() => Driver.Refill(missing, ContentOf(source), Under(1)));
        Assert.Equal(2, (await Volumes(First)).Count);
    }

    /// <summary>What stands on what else, and what is put in its place.</summary>
    [Theory]
    [InlineData("alone", "refill"), InlineData("clone", "refill"), InlineData("of a snapshot", "refill"), InlineData("with snapshots", "refill")]
    [InlineData("clone with snapshots", "refill"), InlineData("with snapshots", "revert"), InlineData("with snapshots", "earlier")]
    [InlineData("clone with snapshots", "revert"), InlineData("clone with snapshots", "earlier")]
    public async Task A_volume_is_what_it_was_until_it_is_said_that_another_takes_its_place(string kind, string verb)
    {
        Needs(Abilities.Content | Abilities.Snapshots | Abilities.Clones | Abilities.Revert);
        var (source, given) = (await Made(First, 1, "earlier"), await Made(Second, 1, "new"));
        var volume = kind switch
        {
            "clone" or "clone with snapshots" => await Cloned(async v => await Driver.CreateFromVolume(v, source, Under(1))),
            "of a snapshot" => await Cloned(async v => await Driver.CreateFromSnapshot(v, source, await Taken(source), Under(1))),
            _ => source,
        };
        List<Snapshot> snapshots = [];
        if (kind.EndsWith("with snapshots", StringComparison.Ordinal))
            foreach (var content in new[] { "revert", "" })
            {
                snapshots.Add(await Taken(volume));
                if (content.Length > 0) await Write(First, volume.Id, content);
            }
        await Write(First, volume.Id, "old");
        var (expected, confirmed) = (verb switch { "refill" => "new", "revert" => "revert", _ => "earlier" }, 0);

        // Lost, and given up, at each question that is asked before.
        for (var (lostAt, isOver) = (0, false); !isOver; lostAt++)
        {
            confirmed = 0;
            isOver = await Lose(Under(2 * lostAt + 1) with { Confirm = () => confirmed++ == lostAt ? throw new OperationCanceledException() : Task.CompletedTask });
            await Driver.Abandon(volume, Under(2 * lostAt + 2));
            await IsAsBefore();
        }
        using (var ends = CancellationTokenSource.CreateLinkedTokenSource(Token))
        {
            if (verb == "refill")
                await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Driver.Refill(volume, async (write, token) =>
                {
                    await write(0, new byte[] { 1, 2, 3 });
                    await ends.CancelAsync();
                    await write(512, new byte[] { 4 });
                }, Under(20) with { Token = ends.Token }));
            await Driver.Abandon(volume, Under(21));
            await IsAsBefore();
        }
        var said = 0;
        await Do(Under(22) with
        {
            Replaces = async () =>
            {
                Assert.Equal(1, ++said);
                Assert.Equal("old", await Read(First, volume.Id));
            },
        });
        Assert.Equal(1, said);
        var copy = NewVolume(Second); // in the pool's format, which the volume may have no more
        await Driver.CreateFilled(copy, ContentOf(volume), Under(1));
        Assert.Equal(expected, await Read(Second, copy.Id));
        await using (var content = await Driver.Read(volume, Under(1))) Assert.Equal(1L << 30, content.Length);
        Assert.Empty(await Litter(First));

        // True when it came to say it.
        async Task<bool> Lose(Work work)
        {
            var says = false;
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Do(work with
            {
                Replaces = () =>
                {
                    says = true;
                    throw new OperationCanceledException();
                },
            }));
            return says;
        }

        Task Do(Work work) => verb == "refill" ? Driver.Refill(volume, ContentOf(given), work) : Driver.RevertTo(volume, snapshots[verb == "revert" ? 1 : 0], work);

        async Task IsAsBefore()
        {
            Assert.Equal("old", await Read(First, volume.Id));
            await SizeIs(1, First, volume);
            Assert.Empty(await Litter(First));
            if (volume != source) Assert.Equal("earlier", await Read(First, source.Id));
        }

        async Task<Volume> Cloned(Func<Volume, Task<VolumeOnDisk>> make)
        {
            var clone = NewVolume(First);
            var disk = await make(clone);
            return clone with { ProviderLocation = disk.ProviderLocation, Format = disk.Format, Status = VolumeStatus.Available };
        }
    }

    [Fact]
    public async Task What_is_attached_is_neither_read_nor_filled()
    {
        Needs(Abilities.Content);
        var (source, volume) = (await Made(First, 1, "new"), await Made(First, 1, "old"));
        var attached = volume with { Status = VolumeStatus.InUse, AttachStatus = AttachStatus.Attached };
        if (Driver is Drivers.Memory.MemoryDriver) return; // it goes by what is exported
        Assert.Contains("attached", (await Assert.ThrowsAsync<FaultException>(() => Driver.Read(attached, Under(1)))).Message, StringComparison.Ordinal);
        Assert.Contains("attached",
            (await Assert.ThrowsAsync<FaultException>(() => Driver.Refill(attached, ContentOf(source), Under(1)))).Message, StringComparison.Ordinal);
        Assert.Equal("old", await Read(First, volume.Id));
    }
}
