using System.ComponentModel;
using Clinker.Host;
using Xunit;

namespace Clinker.Tests.Operations;

public sealed class ProcessesTests
{
    static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);
    static readonly ToolLimits Usual = new(1L << 30, TimeSpan.FromSeconds(60));

    static Task<ProcessResult> Run(ToolLimits? limits, string program, params string[] arguments) =>
        Processes.Run(program, arguments, Minute, limits: limits, token: TestContext.Current.CancellationToken);

    [Fact]
    public async Task Limits_are_those_of_the_program()
    {
        Assert.Equal("1048576 60\n", (await Run(Usual, "bash", "-c", "echo $(ulimit -v) $(ulimit -t)")).Output);
        Assert.Equal("1048576 unlimited\n", (await Run(Usual with { Cpu = null }, "bash", "-c", "echo $(ulimit -v) $(ulimit -t)")).Output);
        Assert.Equal(3, (await Run(Usual, "bash", "-c", "exit 3")).ExitCode);
    }

    [Fact]
    public async Task The_usual_limit_of_memory_is_enough_for_as_many_threads_as_qemu_img_has()
    {
        var file = Path.GetTempFileName();
        try
        {
            await File.WriteAllBytesAsync(file, new byte[8 << 20], TestContext.Current.CancellationToken);
            var result = await Run(Usual, "qemu-img", "bench", "-w", "-f", "raw", "-c", "5000", "-d", "64", file);
            Assert.True(result.ExitCode == 0, result.Error);
        }
        finally { File.Delete(file); }
    }

    [Theory]
    [InlineData("/nowhere/qemu-img")]
    [InlineData("/etc/passwd")]
    public async Task A_program_that_can_not_be_run_is_told_with_limits_as_without(string program)
    {
        var without = await Assert.ThrowsAsync<Win32Exception>(() => Run(null, program));
        var with = await Assert.ThrowsAsync<Win32Exception>(() => Run(Usual, program));
        Assert.Equal(without.NativeErrorCode, with.NativeErrorCode);
    }
}
