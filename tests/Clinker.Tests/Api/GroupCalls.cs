using Xunit;

namespace Clinker.Tests.Api;

/// <summary>What tests of groups ask for again and again.</summary>
static class GroupCalls
{
    extension(RunningApi api)
    {
        /// <summary>Makes the group type <c>gt</c>; its id.</summary>
        public async Task<string> GroupType()
        {
            var answer = await api.Post("group_types", """{"group_type": {"name": "gt"}}""", "3.11");
            Assert.Equal(202, answer.Status);
            return answer.Json.GetProperty("group_type").GetProperty("id").GetString()!;
        }

        /// <summary>Makes an empty group; its id. Its type is made too, if it is not there.</summary>
        public async Task<string> Group(string name = "g", string type = "gt")
        {
            await api.Post("group_types", $$"""{"group_type": {"name": "{{type}}"} }""", "3.11");
            var answer = await api.Post("groups", $$"""
                {"group": {"name": "{{name}}", "group_type": "{{type}}", "volume_types": ["__DEFAULT__"]} }
                """, "3.13");
            Assert.Equal(202, answer.Status);
            api.Time.Advance(TimeSpan.FromSeconds(1));
            return answer.Json.GetProperty("group").GetProperty("id").GetString()!;
        }

        /// <summary>Makes a group of volumes that are available, and really there.</summary>
        public async Task<(string Group, string[] Volumes)> GroupOf(int count)
        {
            var group = await api.Group();
            var volumes = new string[count];
            for (var i = 0; i < count; i++) volumes[i] = await api.Made();
            Assert.Equal(202, (await api.Put($"groups/{group}", $$"""{"group": {"add_volumes": "{{string.Join(',', volumes)}}"} }""", "3.13")).Status);
            return (group, volumes);
        }

        public Task<Answered> DeleteGroup(string id, bool withVolumes = true) => api.Post(
            $"groups/{id}/action", $$"""{"delete": {"delete-volumes": {{(withVolumes ? "true" : "false")}}} }""", "3.13");

        /// <summary>As if all operations had ended.</summary>
        public Task Ended() => api.Db.Commit(async tx =>
        {
            await tx.Execute($"delete from hold");
            await tx.Execute($"delete from operation");
        });

        /// <summary>Waits until something is not there any more.</summary>
        public async Task Gone(string path)
        {
            while ((await api.Get(path, "3.71")).Status != 404) await Task.Delay(5, TestContext.Current.CancellationToken);
        }

        /// <summary>Waits until something has a status that nobody works on, and gives it.</summary>
        public async Task<string> Settled(string path)
        {
            while (true)
            {
                var answer = await api.Get(path, "3.71");
                Assert.Equal(200, answer.Status);
                var status = answer.Json.EnumerateObject().Single().Value.GetProperty("status").GetString()!;
                if (status is not ("creating" or "deleting")) return status;
                await Task.Delay(5, TestContext.Current.CancellationToken);
            }
        }
    }
}
