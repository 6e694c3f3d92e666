using Clinker.Drivers;
using Clinker.Operations;
using Clinker.Snapshots;
using Clinker.Volumes;
using Xunit;

namespace Clinker.Contracts;

// Growing, snapshots, copies and the way back.
public abstract partial class DriverContract
{
    const string AnotherOperation = "5d9a3c52-7a1e-4f0e-8a43-0c0a5e9f7b02";

    void Needs(Abilities what) => Assert.SkipUnless(Driver.Can.HasFlag(what), $"the backend does not promise {what}");

    async Task<Volume> Made(string pool, int sizeGb = 1, string content = "")
    {
        var volume = NewVolume(pool, sizeGb);
        var disk = await Driver.Create(volume, Under(1));
        if (content.Length > 0) await Write(pool, volume.Id, content);
        return volume with { ProviderLocation = disk.ProviderLocation, Format = disk.Format, Status = VolumeStatus.Available };
    }

    Snapshot NewSnapshot(Volume of) => new()
    {
        Id = ids.New(),
        ProjectId = "p",
        UserId = "u",
        VolumeId = of.Id,
        SizeGb = of.SizeGb,
        Status = SnapshotStatus.Creating,
        CreatedAt = DateTime.UnixEpoch,
    };

    async Task<Snapshot> Taken(Volume volume)
    {
        var snapshot = NewSnapshot(volume);
        await Driver.CreateSnapshot(volume, snapshot, Under(1));
        return snapshot;
    }

    async Task SizeIs(int gb, string pool, Volume volume)
    {
        if (await SizeOf(pool, volume.Id) is { } size) Assert.Equal(gb * (1L << 30), size);
    }

    /// <summary>A lease that is lost while it asks whether it still is: <paramref name="meanwhile"/> is what others do then.</summary>
    static Work Lost(Func<Task> meanwhile) => Under(1) with
    {
        Confirm = async () =>
        {
            await meanwhile();
            throw new OperationCanceledException();
        },
    };

    /// <summary>A worker that has asked, and then stands still while others go on.</summary>
    static Work Late(Func<Task> meanwhile) => Under(1) with { Confirm = meanwhile };

    /// <summary>The same when it asks last, before another content takes a volume's place.</summary>
    static Work AtTheEnd(Work work) => work with { Confirm = null, Replaces = work.Confirm };

    [Fact]
    public async Task Extending_keeps_the_content_may_be_repeated_and_never_makes_smaller()
    {
        Needs(Abilities.Extend);
        var volume = await Made(First, 1, "kept");
        foreach (var (sizeGb, expected) in new[] { (3, 3), (3, 3), (2, 3), (4, 4) })
        {
            await Driver.Extend(volume, sizeGb, Under(1));
            await SizeIs(expected, First, volume);
            Assert.Equal("kept", await Read(First, volume.Id));
            volume = volume with { SizeGb = expected };
        }
        Assert.Empty(await Litter(First));
    }

    [Fact]
    public async Task A_late_extension_does_nothing_to_what_others_have_extended_since()
    {
        Needs(Abilities.Extend);
        var volume = await Made(First, 1, "kept");
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            Driver.Extend(volume, 2, Lost(() => Task.CompletedTask)));
        await SizeIs(1, First, volume);
        await Driver.Extend(volume, 2, Late(() => Driver.Extend(volume, 4, Under(2))));
        await SizeIs(4, First, volume);
        Assert.Equal("kept", await Read(First, volume.Id));
    }

    [Fact]
    public async Task A_snapshot_holds_what_was_there_when_it_was_taken()
    {
        Needs(Abilities.Snapshots);
        var volume = await Made(First, 2, "before");
        var snapshot = NewSnapshot(volume);
        for (var generation = 1; generation <= 3; generation++)
        {
            await Driver.CreateSnapshot(volume, snapshot, Under(generation));
            Assert.Equal("before", await Read(First, snapshot.Id));
            await Write(First, volume.Id, $"after {generation}");
            Assert.Equal([snapshot.Id], await Snapshots(First));
            Assert.Equal([volume.Id], await Volumes(First));
            Assert.Empty(await Litter(First));
        }
        var second = await Taken(volume);
        Assert.Equal("before", await Read(First, snapshot.Id));
        Assert.Equal("after 3", await Read(First, second.Id));
    }

    [Theory, InlineData("raw"), InlineData("qcow2")]
    public async Task A_volume_is_a_file_of_the_format_that_is_asked_for(string format)
    {
        Needs(Abilities.Snapshots | Abilities.Clones | Abilities.Content);
        var source = await Made(First, 1, "content");
        var snapshot = await Taken(source);
        await Is("", v => Driver.Create(v, Under(1)));
        await Is("content", v => Driver.CreateFilled(v, ContentOf(source), Under(1)));
        await Is("content", v => Driver.CreateFromSnapshot(v, source, snapshot, Under(1), full: true));
        await Is("content", v => Driver.CreateFromVolume(v, source, Under(1), full: true));
        Assert.Equal([source.Id], await Volumes(First));

        async Task Is(string content, Func<Volume, Task<VolumeOnDisk>> make)
        {
            var volume = NewVolume(First, 2) with { Format = format };
            for (var generation = 1; generation <= 2; generation++)
            {
                var disk = await make(volume);
                Assert.Equal(format, disk.Format);
                Assert.Equal(format, await WholeFile(First, volume.Id) ?? format);
                volume = volume with { ProviderLocation = disk.ProviderLocation };
            }
            await using (var found = await Driver.Read(volume, Under(1)))
            {
                Assert.Equal(2L << 30, found.Length);
                var head = new byte[content.Length + 1];
                await found.Read(0, head);
                Assert.Equal(content + '\0', System.Text.Encoding.UTF8.GetString(head));
            }
            await Driver.Delete(volume, Under(3));
        }
    }

    [Fact]
    public async Task A_snapshot_of_an_attached_volume_is_taken_or_refused_as_promised()
    {
        Needs(Abilities.Snapshots);
        var volume = (await Made(First, 1, "written")) with { Status = VolumeStatus.InUse, AttachStatus = AttachStatus.Attached };
        var snapshot = NewSnapshot(volume);
        if (Driver.Can.HasFlag(Abilities.SnapshotsAttached))
        {
            await Driver.CreateSnapshot(volume, snapshot, Under(1));
            Assert.Equal("written", await Read(First, snapshot.Id));
            return;
        }
        var e = await Assert.ThrowsAsync<FaultException>(() => Driver.CreateSnapshot(volume, snapshot, Under(1)));
        Assert.False(e.Fault.Transient);
        Assert.Contains("attached", e.Message, StringComparison.Ordinal);
        Assert.Empty(await Snapshots(First));
        Assert.Empty(await Litter(First));
    }

    [Theory, InlineData(1), InlineData(2), InlineData(30)]
    public async Task A_half_taken_snapshot_is_litter_of_its_own_and_is_taken_over(long generation)
    {
        Needs(Abilities.Snapshots);
        var volume = await Made(First, 1, "content");
        var snapshot = NewSnapshot(volume);
        var name = await HalfTake(First, snapshot, 1);
        var litter = Assert.Single((await Driver.List(First, Token)).Litter);
        Assert.Equal(name, litter.Name);
        Assert.Contains(litter.About, new About[] { new("snapshot", snapshot.Id), new("volume", volume.Id) }); // while either is worked on it stays
        Assert.Empty(await Snapshots(First));
        await Driver.CreateSnapshot(volume, snapshot, Under(generation));
        Assert.Equal("content", await Read(First, snapshot.Id));
        Assert.Empty(await Litter(First));
        foreach (var only in new[] { $"snapshot-{snapshot.Id}", $"../snapshot-{snapshot.Id}.g1" })
            await Assert.ThrowsAsync<FaultException>(() => Driver.RemoveLitter(First, only, Token));
        await Driver.RemoveLitter(First, await HalfTake(First, snapshot, 7), Token);
        Assert.Empty(await Litter(First));
        Assert.Equal([snapshot.Id], await Snapshots(First));
    }

    [Fact]
    public async Task Deleting_a_snapshot_leaves_nothing_of_it_and_everything_else()
    {
        Needs(Abilities.Snapshots);
        var volume = await Made(First, 1, "content");
        var (snapshot, other) = (await Taken(volume), await Taken(volume));
        await HalfTake(First, snapshot, 2);
        for (var i = 1; i <= 2; i++)
        {
            await Driver.DeleteSnapshot(volume, snapshot, Under(i));
            Assert.Equal([other.Id], await Snapshots(First));
            Assert.Empty(await Litter(First));
        }
        await Driver.DeleteSnapshot(volume, NewSnapshot(volume), Under(1));
        await Driver.DeleteSnapshot(volume with { Host = null, ProviderLocation = null }, NewSnapshot(volume), Under(1));
        Assert.Equal("content", await Read(First, volume.Id));
        Assert.Equal("content", await Read(First, other.Id));
        await Driver.DeleteSnapshot(volume, other, Under(1));
        await Driver.Delete(volume, Under(1));
        Assert.Empty(await Snapshots(First));
        Assert.Empty(await Volumes(First));
    }

    [Fact]
    public async Task A_late_worker_takes_no_snapshot_in_anothers_place()
    {
        Needs(Abilities.Snapshots);
        var volume = await Made(First, 1, "first");
        foreach (var lease in new Func<Func<Task>, Work>[] { Lost, Late })
        {
            var snapshot = NewSnapshot(volume);
            try
            {
                await Driver.CreateSnapshot(volume, snapshot, lease(async () =>
                {
                    await Write(First, volume.Id, "second");
                    await Driver.CreateSnapshot(volume, snapshot, Under(2));
                }));
            }
            catch (Exception e) when (e is FaultException or OperationCanceledException) { }
            Assert.Equal("second", await Read(First, snapshot.Id));
            var undone = NewSnapshot(volume);
            try { await Driver.CreateSnapshot(volume, undone, lease(() => Driver.DeleteSnapshot(volume, undone, Under(2)))); }
            catch (Exception e) when (e is FaultException or OperationCanceledException) { }
            Assert.Equal([snapshot.Id], await Snapshots(First));
            Assert.Empty(await Litter(First));
            await Driver.DeleteSnapshot(volume, snapshot, Under(1));
        }
    }

    [Theory, InlineData(true, 1), InlineData(true, 3), InlineData(false, 1), InlineData(false, 3)]
    public async Task A_copy_has_the_content_its_own_size_and_a_life_of_its_own(bool ofSnapshot, int sizeGb)
    {
        Needs(ofSnapshot ? Abilities.Snapshots : Abilities.Clones);
        var origin = await Made(First, 1, "content");
        var snapshot = ofSnapshot ? await Taken(origin) : null;
        if (ofSnapshot) await Write(First, origin.Id, "later");
        foreach (var pool in new[] { First, Second })
        {
            var copy = NewVolume(pool, sizeGb);
            await HalfMake(pool, copy.Id, 1);
            VolumeOnDisk? disk = null;
            for (var generation = 2; generation <= 4; generation++)
            {
                var made = await Copy(copy, generation);
                Assert.Equal(disk ??= made, made);
                if (generation == 2) Assert.Equal("content", await Read(pool, copy.Id));
                else Assert.Equal("its own", await Read(pool, copy.Id));
                await Write(pool, copy.Id, "its own");
            }
            Assert.Contains(disk!.Format, new[] { "raw", "qcow2" });
            await SizeIs(sizeGb, pool, copy);
            Assert.Contains(copy.Id, await Volumes(pool));
            Assert.Empty(await Litter(pool));
        }
        Assert.Equal(ofSnapshot ? "later" : "content", await Read(First, origin.Id));
        if (snapshot is null) return;
        await Driver.DeleteSnapshot(origin, snapshot, Under(1));
        await Driver.Delete(origin, Under(1));
        Assert.Equal("its own", await Read(First, Assert.Single(await Volumes(First))));

        Task<VolumeOnDisk> Copy(Volume to, long generation) => snapshot is null
            ? Driver.CreateFromVolume(to, origin, Under(generation))
            : Driver.CreateFromSnapshot(to, origin, snapshot, Under(generation));
    }

    [Fact]
    public async Task Copies_of_what_is_not_there_are_faults_and_leave_nothing()
    {
        Needs(Abilities.Snapshots | Abilities.Clones);
        var volume = await Made(First);
        var (gone, copy) = (NewVolume(First) with { Format = volume.Format, ProviderLocation = volume.ProviderLocation }, NewVolume(First));
        foreach (var act in new Func<Task>[]
        {
            () => Driver.CreateSnapshot(gone, NewSnapshot(gone), Under(1)),
            () => Driver.CreateFromVolume(copy, gone, Under(1)),
            () => Driver.CreateFromSnapshot(copy, volume, NewSnapshot(volume), Under(1)),
            () => Driver.RevertTo(volume, NewSnapshot(volume), Under(1)),
            () => Driver.Extend(gone, 2, Under(1)),
        })
            Assert.False((await Assert.ThrowsAsync<FaultException>(act)).Fault.Transient);
        Assert.Equal([volume.Id], await Volumes(First));
        Assert.Empty(await Snapshots(First));
        Assert.Empty(await Litter(First));
    }

    [Fact]
    public async Task Once_the_token_has_ended_nothing_is_changed()
    {
        Needs(Abilities.Snapshots | Abilities.Clones | Abilities.Revert | Abilities.Extend);
        var volume = await Made(First, 1, "old");
        var snapshot = await Taken(volume);
        await Write(First, volume.Id, "new");
        var ended = Under(1) with { Token = new CancellationToken(true) };
        foreach (var act in new Func<Task>[]
        {
            () => Driver.CreateSnapshot(volume, NewSnapshot(volume), ended),
            () => Driver.CreateFromVolume(NewVolume(First), volume, ended),
            () => Driver.CreateFromSnapshot(NewVolume(First), volume, snapshot, ended),
            () => Driver.RevertTo(volume, snapshot, ended),
            () => Driver.Extend(volume, 2, ended),
            () => Driver.DeleteSnapshot(volume, snapshot, ended),
        })
            await Assert.ThrowsAnyAsync<OperationCanceledException>(act);
        Assert.Equal("new", await Read(First, volume.Id));
        await SizeIs(1, First, volume);
        Assert.Equal([volume.Id], await Volumes(First));
        Assert.Equal([snapshot.Id], await Snapshots(First));
        Assert.Empty(await Litter(First));
    }

    [Theory, InlineData(""), InlineData("../x"), InlineData("4b51b3c4")]
    public async Task A_snapshots_id_that_is_none_reaches_no_path(string id)
    {
        Needs(Abilities.Snapshots);
        var volume = await Made(First);
        var snapshot = NewSnapshot(volume) with { Id = id };
        Assert.False((await Assert.ThrowsAsync<FaultException>(() => Driver.CreateSnapshot(volume, snapshot, Under(1)))).Fault.Transient);
        await Assert.ThrowsAsync<FaultException>(() => Driver.DeleteSnapshot(volume, snapshot, Under(1)));
    }

    [Fact]
    public async Task Connecting_says_the_same_each_time_and_disconnecting_may_be_repeated()
    {
        Needs(Abilities.Connect);
        var volume = await Made(First);
        var connector = new Connector("compute1", """{"host":"compute1"}""");
        await Driver.Disconnect(volume, connector, Under(1));
        var info = await Driver.Connect(volume, connector, Under(1));
        Assert.Equal(info, await Driver.Connect(volume, connector, Under(2)));
        Assert.NotEmpty(info.Type);
        using var data = System.Text.Json.JsonDocument.Parse(info.Data);
        Assert.NotEmpty(data.RootElement.EnumerateObject());
        for (var i = 0; i < 2; i++) await Driver.Disconnect(volume, connector, Under(1));
        Assert.False((await Assert.ThrowsAsync<FaultException>(() => Driver.Connect(NewVolume(First), connector, Under(1)))).Fault.Transient);
    }
}
