Console.WriteLine("clinkerd");
